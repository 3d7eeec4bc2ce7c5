// MixMonitor names a leg .wav or .WAV (WAV49).
#include "spool/leg_file.hpp"

namespace pbx::spool {

bool is_leg_name(std::string_view name) {
    return name.size() > 4 && name.front() != '.' && (name.ends_with(".wav") || name.ends_with(".WAV"));
}

std::optional<struct stat> find_leg(const Folder& folder, const std::string& name) {
    if (!is_leg_name(name))
        return std::nullopt;
    const auto found = folder.look(name);
    return found && !S_ISDIR(found->st_mode) ? found : std::nullopt;
}

} // namespace pbx::spool

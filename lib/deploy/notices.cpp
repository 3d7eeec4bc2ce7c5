// Asterisk looks for a sound in the folder of the channel's language, then in the folder above, in each format that it
// has a module for.
#include "deploy/notices.hpp"

#include "base/log.hpp"
#include "deploy/sources.hpp"
#include "dialplan/conf_lines.hpp"
#include "dialplan/consent_steps.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>

namespace pbx::deploy {

namespace {

namespace fs = std::filesystem;

constexpr std::array formats{"ulaw", "ul",    "mu",  "pcm", "alaw",  "al",   "wav",
                             "WAV",  "wav49", "gsm", "sln", "sln16", "g722", "ogg"};

// Debian's folder and Asterisk's own, unless asterisk.conf names one.
std::vector<fs::path> sound_folders(const Folder& folder) {
    std::vector<fs::path> result{"/usr/share/asterisk/sounds", "/var/lib/asterisk/sounds"};
    for (const auto& source : read_sources(folder, "asterisk.conf", {}))
        dialplan::for_each_conf_line(source.text, [&](const dialplan::ConfLine& line) {
            if (const auto setting = dialplan::setting_of(line.code); setting.key == "astdatadir")
                result = {fs::path{setting.value} / "sounds"};
        });
    return result;
}

// Whether `stem` exists with the extension of a format, or this user may not see whether it does.
bool is_there(const fs::path& stem) {
    return std::any_of(formats.begin(), formats.end(), [&](const char* format) {
        std::error_code failed;
        const bool found = fs::exists(fs::path{stem} += fmt::format(".{}", format), failed);
        return found || failed == std::errc::permission_denied;
    });
}

bool has_sound(const fs::path& folder, const std::string& name) {
    std::error_code failed;
    if (is_there(folder / name))
        return true;
    const fs::directory_iterator languages{folder, failed};
    return failed == std::errc::permission_denied ||
           std::any_of(begin(languages), end(languages),
                       [&](const fs::directory_entry& language) { return is_there(language.path() / name); });
}

} // namespace

void warn_of_missing_notices(const std::vector<const dialplan::Plan*>& plans, const dialplan::Machine& machine,
                             const Folder& folder) {
    std::vector<fs::path> folders;
    for (const auto* plan : plans) {
        const auto notice = dialplan::notice_of(plan->consent, machine);
        if (notice.empty())
            continue;
        if (folders.empty())
            folders = sound_folders(folder);
        const bool found = notice.starts_with('/') ? is_there(notice)
                                                   : std::any_of(folders.begin(), folders.end(), [&](const auto& each) {
                                                         return has_sound(each, notice);
                                                     });
        if (found)
            continue;
        log::warn("{}: there is no sound {}, so Asterisk cannot ask for consent, and does not record",
                  dialplan::harmless(plan->organization.name), notice);
        log::warn("hint: {}", notice.starts_with('/')
                                  ? std::string{"set --sounds to the folder of the notices that came with the suite"}
                                  : fmt::format("put it into {}, or name another with pbx-provision org consent",
                                                folders.front().native()));
    }
}

} // namespace pbx::deploy

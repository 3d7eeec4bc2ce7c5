#include "live/pause_entries.hpp"

#include "base/log.hpp"
#include "base/moment.hpp"
#include "base/name.hpp"
#include "spool/paused_mark.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace pbx::live {

namespace {

using std::chrono::seconds;
using namespace std::chrono_literals;

seconds number_in(std::string_view text) {
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return seconds{number};
}

} // namespace

std::optional<PauseEntry> read_pause(const AsteriskCalls& asterisk, const std::string& call) {
    const auto text = asterisk.read("pbx-pause", call);
    const auto dash = text.find('-');
    if (dash == std::string::npos)
        return std::nullopt;
    return PauseEntry{std::chrono::sys_seconds{number_in(text)}, number_in(std::string_view{text}.substr(dash + 1))};
}

// A call's key begins with the Unix time at which its first channel began.
seconds into_call(const std::string& call) {
    return std::max(current_second().time_since_epoch() - number_in(call), 0s);
}

void mark_files(const std::string& arguments, std::chrono::sys_seconds until) {
    for (const auto& file : files_in(arguments))
        if (!spool::mark_paused(file, until))
            log::note("{} cannot be marked as paused: {}; in a pause that is longer than pbx-archive --min-age, its "
                      "beginning may be archived",
                      shown(file), std::strerror(errno));
}

const Channel* find_held(const std::vector<Channel>& channels, const std::string& call, const std::string& key) {
    const auto id = key.substr(call.size() + 1, key.find('/', call.size() + 1) - call.size() - 1);
    const auto found =
        std::find_if(channels.begin(), channels.end(), [&](const Channel& each) { return each.id == id; });
    return found == channels.end() ? nullptr : &*found;
}

} // namespace pbx::live

// What Asterisk's console prints about calls in progress. Callers choose a part of it, so only fields that they cannot
// reach are read.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::live {

/// The part of a linkedid or unique id behind the system name, as the recorder's subroutine "call" returns it: the time
/// when the channel began, and a number.
std::string key_of(std::string_view id);

struct ListedChannel {
    std::string name;
    std::string account; ///< accountcode
    std::string bridge;  ///< empty when it is in none
    std::string id;      ///< unique id
};

/// The channels of "core show channels concise".
std::vector<ListedChannel> channels_in(std::string_view listing);

struct ChannelIds {
    std::string name;
    std::string unique;
    std::string linked;
};

/// Of "core show channel NAME"; nothing when there is no such channel.
std::optional<ChannelIds> ids_in(std::string_view listing);

/// A recorder writes both directions into one file, or each into a file of its own, or does both. Names of files have
/// the extension .wav, and are empty where there is no file.
struct Recorder {
    std::string id;
    std::string file;
    std::string received{};    ///< what the channel sends
    std::string transmitted{}; ///< what it hears

    /// The arguments of MixMonitor that start it, before a last option.
    std::string arguments() const;
    /// Asterisk does not name the files of a recorder that is just beginning.
    bool has_files() const { return !file.empty() || !received.empty() || !transmitted.empty(); }
};

/// The files that Recorder::arguments() name.
std::vector<std::string> files_in(std::string_view arguments);

/// The recorders of "mixmonitor list NAME".
std::vector<Recorder> recorders_in(std::string_view listing);

/// The entries of "database show FAMILY", without the family: "KEY" or "KEY/KEY".
std::map<std::string, std::string> entries_in(std::string_view listing);

struct GroupedChannel {
    std::string name;
    std::string group;
    std::string category;
};

/// The channels of "group show channels".
std::vector<GroupedChannel> groups_in(std::string_view listing);

/// The endpoint in a channel's name: "PJSIP/acme_1001" in "PJSIP/acme_1001-0000001f". Empty for a Local channel.
std::string_view endpoint_in(std::string_view channel);

} // namespace pbx::live

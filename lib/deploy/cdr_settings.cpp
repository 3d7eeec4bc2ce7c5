// Versions differ in the lines of the listing: a line that is not there is no fault. "cdr show status" does not list
// endbeforehexten.
#include "deploy/cdr_settings.hpp"

#include "deploy/asterisk_listings.hpp"

#include <fmt/format.h>

#include <array>

namespace pbx::deploy {

namespace {

struct Requirement {
    const char* line;
    const char* fault;
    const char* setting;
    const char* consequence;
    bool rows_missing;
};

constexpr std::array requirements{
    Requirement{"Logging", "Disabled", "enable=no", "no call leaves a CDR row", true},
    Requirement{"Log calls by default", "No", "channeldefaultenabled=no", "no call leaves a CDR row", true},
    Requirement{"Log unanswered calls", "No", "unanswered=no", "calls that nobody answers leave no CDR row", true},
    Requirement{"Log congestion", "No", "congestion=no", "calls that are refused for congestion leave no CDR row",
                true},
    Requirement{"Ignore bridging changes", "Yes", "ignorestatechanges=yes", "legs leave no CDR rows of their own",
                true},
    Requirement{"Ignore dial state changes", "No", "ignoredialchanges=no",
                "a queue writes a CDR row each time it rings an agent", false},
    Requirement{"Mode", "Batch", "batch=yes", "CDR rows that wait in a batch are lost if Asterisk crashes", false},
};

bool knows_dial_changes(const std::string& status) {
    return !setting_shown(status, "Ignore dial state changes").empty();
}

} // namespace

std::vector<CdrFault> cdr_faults(const std::string& status) {
    if (setting_shown(status, "Logging").empty())
        return {{"Asterisk does not list its CDR settings", false}};
    std::vector<CdrFault> faults;
    for (const auto& each : requirements)
        if (setting_shown(status, each.line) == each.fault)
            faults.push_back({fmt::format("Asterisk has {}: {}", each.setting, each.consequence), each.rows_missing});
    return faults;
}

std::string cdr_hint(const std::string& status) {
    const auto logging = setting_shown(status, "Logging");
    if (logging.empty())
        return "see what asterisk -rx \"cdr show status\" prints";
    if (logging == "Disabled")
        return "set enable=yes in cdr.conf, and restart Asterisk";
    return fmt::format(
        "copy /usr/share/doc/pbx-recording-tools/examples/asterisk/{}cdr.conf, which fits this version of "
        "Asterisk, to the folder of Asterisk's configuration, and restart Asterisk",
        knows_dial_changes(status) ? "" : "16/");
}

} // namespace pbx::deploy

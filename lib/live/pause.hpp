// pbx-record: a pause in the recording of a call in progress.
#pragma once

#include "base/error.hpp"
#include "deploy/console.hpp"
#include "live/call_choice.hpp"

#include <chrono>
#include <string>

namespace pbx::live {

struct PauseRequest {
    deploy::Console console{"asterisk", "/etc/asterisk"};
    std::string spool = "/var/spool/asterisk/monitor"; ///< for the lock
    CallChoice choice;
    std::chrono::seconds span{180};
    bool due = false; ///< resume only what is paused longer than asked for
    bool json = false;
    bool dry_run = false; ///< print what would be paused or resumed, and leave it as it is
    std::chrono::seconds timeout{60};
};

// Each returns not_recorded when no recorder belongs to the call, and throws Error: no_input when there is no such call
// in progress, or it is not the account's; unavailable when Asterisk does not answer; temporary when it is not certain
// that nothing records, or not all recorders continue; config when Asterisk's dialplan knows no pauses.

/// Returns when nothing records the call, and nothing will until the pause ends.
Exit pause(const PauseRequest& request);
/// A call that is not paused stays as it is.
Exit resume(const PauseRequest& request);
/// Prints whether the call is recorded or paused.
Exit show_status(const PauseRequest& request);

} // namespace pbx::live

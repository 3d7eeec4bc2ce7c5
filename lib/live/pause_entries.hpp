// A pause is an entry in the AstDB, for which each recorder of the dialplan looks when it begins
// (lib/dialplan/recorder.cpp).
//
//   pbx-pause/CALL         until-since: the end as a Unix time, the beginning in seconds into the call
//   pbx-paused/CALL        the pauses before: "12-47,"
//   pbx-held/CALL/CHANNEL  the Recorder::arguments() of a recorder that waits for the end of the pause
//   pbx-watched/CALL       exists from the first pause to the end of the call: where it is missing, Asterisk cannot
//   read
#pragma once

#include "live/asterisk_calls.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace pbx::live {

/// The dialplan that ends a pause.
constexpr const char* watch_context = "pbx-recorder-watch";

struct PauseEntry {
    std::chrono::sys_seconds until;
    std::chrono::seconds since; ///< into the call
};

/// Nothing when the call is not paused.
std::optional<PauseEntry> read_pause(const AsteriskCalls& asterisk, const std::string& call);

/// How long ago the call began.
std::chrono::seconds into_call(const std::string& call);

/// Marks the files of Recorder::arguments() as paused until then: otherwise the beginning of a leg could be archived
/// before its recorder goes on with it.
void mark_files(const std::string& arguments, std::chrono::sys_seconds until);

/// `key` of pbx-held is CALL/CHANNEL or CALL/CHANNEL/NUMBER. Null when the channel has ended.
const Channel* find_held(const std::vector<Channel>& channels, const std::string& call, const std::string& key);

} // namespace pbx::live

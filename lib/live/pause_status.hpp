// Whether a call in progress is recorded or paused.
#pragma once

#include "base/error.hpp"
#include "live/asterisk_calls.hpp"
#include "live/pause_entries.hpp"
#include "live/recorded_call.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pbx::live {

struct CallStatus {
    std::string call;
    std::optional<PauseEntry> pause;
    Recorders recorders;
    std::vector<std::pair<std::string, std::string>> waiting{}; ///< channels and Recorder::arguments(), without a pause

    const char* state() const { return pause ? "paused" : recorders.empty() ? "not recorded" : "recorded"; }
    Exit exit_status() const {
        if (pause)
            return recorders.empty() ? Exit::ok : Exit::temporary;
        if (!waiting.empty())
            return Exit::temporary;
        return recorders.empty() ? Exit::not_recorded : Exit::ok;
    }
};

CallStatus status_of(const AsteriskCalls& asterisk, const std::string& call, const std::vector<Channel>& channels);
nlohmann::ordered_json json_of(const CallStatus& status);
void print_status(const CallStatus& status);

} // namespace pbx::live

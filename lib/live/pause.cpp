#include "live/pause.hpp"

#include "base/log.hpp"
#include "base/moment.hpp"
#include "base/output.hpp"
#include "live/asterisk_calls.hpp"
#include "live/pause_entries.hpp"
#include "live/pause_status.hpp"
#include "live/pauser.hpp"
#include "live/recorded_call.hpp"
#include "live/resumer.hpp"
#include "live/turn.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <vector>

namespace pbx::live {

namespace {

using Channels = std::vector<Channel>;

Exit pause_on_trial(const AsteriskCalls& asterisk, const std::string& call, const Channels& channels) {
    const auto recorders = RecordedCall{asterisk, call, channels}.find_recorders();
    if (recorders.empty() && !read_pause(asterisk, call))
        throw Error{Exit::not_recorded, "call " + call + " is not recorded, so nothing would be paused"};
    for (const auto& [channel, recorder] : recorders)
        output::print("would stop the recorder of {} on {}\n", recorder.file, channel.name);
    log::warn("call {} would be paused", call);
    return Exit::ok;
}

// A recorder of a dialplan that does not look for pauses would begin in spite of one.
void require_pauses(const AsteriskCalls& asterisk) {
    if (!asterisk.has_extension("pbx-recorder", "paused") || !asterisk.has_extension(watch_context, "1.1"))
        throw Error{Exit::config, "Asterisk's dialplan knows no pauses: nothing was paused",
                    "run pbx-dialplan-gen --deploy --reload"};
    if (!asterisk.has_function("DB_EXISTS"))
        throw Error{Exit::config, "Asterisk has not loaded func_db.so: nothing was paused", "load that module"};
}

using Act = std::function<Exit(const AsteriskCalls&, const std::string& call, const Channels&, Turn&)>;

// Acts on each call that the request means, in turn with other runs.
Exit for_each_call(const PauseRequest& request, const Act& act) {
    const auto deadline = Deadline::of_run(request.timeout);
    Turn turn{request.spool, deadline};
    const WaitingFor waiting{"Asterisk", Exit::unavailable};
    const AsteriskCalls asterisk{request.console, deadline};
    asterisk.require_database();
    const auto channels = asterisk.channels();
    auto status = Exit::ok;
    for (const auto& call : find_calls(request.choice, channels, request.timeout)) {
        try {
            status = worst(status, act(asterisk, call, channels, turn));
        } catch (const Error& error) {
            log::error(error);
            status = worst(status, error.status());
        }
    }
    return status;
}

} // namespace

Exit pause(const PauseRequest& request) {
    return for_each_call(
        request, [&](const AsteriskCalls& asterisk, const std::string& call, const Channels& channels, Turn& turn) {
            require_pauses(asterisk);
            if (request.dry_run)
                return pause_on_trial(asterisk, call, channels);
            return begin_pause(asterisk, call, request.span, channels, turn);
        });
}

Exit resume(const PauseRequest& request) {
    return for_each_call(
        request, [&](const AsteriskCalls& asterisk, const std::string& call, const Channels& channels, Turn&) {
            const auto pause = read_pause(asterisk, call);
            if (pause && request.due && current_second() < pause->until)
                return Exit::ok;
            const bool waits = pause || !asterisk.read_all("pbx-held", call).empty();
            if (waits && request.dry_run) {
                log::warn("call {} would be recorded again", call);
                return Exit::ok;
            }
            if (waits)
                return end_pause(asterisk, call);
            // The watch may have seen what another run has just resumed.
            if (request.due)
                return Exit::ok;
            if (RecordedCall{asterisk, call, channels}.find_recorders().empty())
                throw Error{Exit::not_recorded, "call " + call + " is not recorded, and it is not paused"};
            log::note("call {} is not paused", call);
            return Exit::ok;
        });
}

Exit show_status(const PauseRequest& request) {
    auto report = nlohmann::ordered_json::array();
    const auto status = for_each_call(request, [&](const AsteriskCalls& asterisk, const std::string& call,
                                                   const Channels& channels, Turn&) {
        const auto each = status_of(asterisk, call, channels);
        if (!each.waiting.empty())
            log::error({each.exit_status(), fmt::format("call {} is not paused, and not all of it is recorded", call),
                        "pbx-record resume " + call});
        if (request.json)
            report.push_back(json_of(each));
        else
            print_status(each);
        return each.exit_status();
    });
    if (request.json)
        output::print("{}\n", report.dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
    return status;
}

} // namespace pbx::live

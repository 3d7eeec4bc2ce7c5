#include "live/resumer.hpp"

#include "base/interrupt.hpp"
#include "base/log.hpp"
#include "base/moment.hpp"
#include "live/pause_entries.hpp"
#include "live/recorded_call.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace pbx::live {

namespace {

class Resumer {
  public:
    Resumer(const AsteriskCalls& asterisk, std::string call) : asterisk_{asterisk}, call_{std::move(call)} {}

    Exit run() {
        if (const auto pause = read_pause(asterisk_, call_))
            remove_entry(*pause);
        const auto channels = asterisk_.channels();
        for (const auto& [key, held] : asterisk_.read_all("pbx-held", call_))
            try_to_continue(key, arguments_of(held), channels);
        mark_channels({asterisk_, call_, channels});
        if (!faults_.empty())
            throw Error{status_, fmt::format("call {} is not recorded again: {}", call_, fmt::join(faults_, "; ")),
                        fmt::format("see the log of Asterisk, and repeat pbx-record resume {}", call_)};
        log::warn("call {} is recorded again", call_);
        return Exit::ok;
    }

  private:
    void remove_entry(const PauseEntry& pause) {
        const auto now = std::max(into_call(call_), pause.since);
        auto pauses = asterisk_.read("pbx-paused", call_);
        // A run that was interrupted behind the next command has written this pause before.
        const auto begin = fmt::format("{}-", pause.since.count());
        if (const auto at = pauses.rfind(begin); at == 0 || (at != std::string::npos && pauses[at - 1] == ','))
            pauses.resize(at);
        asterisk_.write("pbx-paused", call_, fmt::format("{}{}{},", pauses, begin, now.count()));
        // From here on the recorders of the dialplan begin.
        asterisk_.remove("pbx-pause", call_);
        if (read_pause(asterisk_, call_))
            throw Error{Exit::temporary, "Asterisk does not end the pause of call " + call_, "try again"};
    }

    void mark_channels(const RecordedCall& call) const {
        auto pauses = asterisk_.read("pbx-paused", call_);
        if (pauses.empty())
            return;
        pauses.resize(pauses.size() - (pauses.ends_with(',') ? 1 : 0));
        for (const auto& channel : call.channels())
            asterisk_.set_variable(channel.name, "CDR(recording_paused)", pauses);
    }

    // A dialplan of an older version stores only the name of a file here.
    static std::string arguments_of(const std::string& held) {
        return held.find(',') == std::string::npos ? held + ',' : held;
    }

    // A recorder that cannot be continued does not keep the others from it. Its entry stays, for the next run.
    void try_to_continue(const std::string& key, const std::string& arguments, const std::vector<Channel>& channels) {
        const auto* channel = find_held(channels, call_, key);
        try {
            if (channel != nullptr)
                continue_held(*channel, key, arguments);
            mark_files(arguments, current_second());
            asterisk_.remove("pbx-held", key);
        } catch (const Error& error) {
            interrupt::check();
            if (error.status() == Exit::unavailable)
                throw;
            faults_.emplace_back(error.what());
            status_ = worst(status_, error.status());
        }
    }

    void continue_held(const Channel& channel, const std::string& key, const std::string& arguments) {
        const auto before = asterisk_.recorders(channel.name);
        if (has(before, arguments))
            return;
        asterisk_.continue_recorder(channel.name, arguments);
        const auto after = asterisk_.recorders(channel.name);
        if (has(after, arguments) || asterisk_.channels(channel.name).empty())
            return;
        // A recorder that Asterisk lists under another name must not be started twice.
        if (after.size() > before.size())
            asterisk_.remove("pbx-held", key);
        throw Error{Exit::temporary, "Asterisk does not list the recorder of " + channel.name};
    }

    static bool has(const std::vector<Recorder>& recorders, const std::string& arguments) {
        return std::any_of(recorders.begin(), recorders.end(),
                           [&](const Recorder& recorder) { return recorder.arguments() == arguments; });
    }

    const AsteriskCalls& asterisk_;
    std::string call_;
    std::vector<std::string> faults_;
    Exit status_ = Exit::ok;
};

} // namespace

Exit end_pause(const AsteriskCalls& asterisk, const std::string& call) {
    return Resumer{asterisk, call}.run();
}

} // namespace pbx::live

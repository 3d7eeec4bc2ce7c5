#include "live/pauser.hpp"

#include "base/deadline.hpp"
#include "base/log.hpp"
#include "base/moment.hpp"
#include "live/pause_entries.hpp"
#include "live/recorded_call.hpp"

#include <fmt/format.h>

#include <set>
#include <thread>

namespace pbx::live {

namespace {

using std::chrono::seconds;
using namespace std::chrono_literals;

class Pauser {
  public:
    Pauser(const AsteriskCalls& asterisk, std::string call, seconds span)
        : asterisk_{asterisk}, call_{std::move(call)}, span_{span} {}

    Exit run(const std::vector<Channel>& channels, Turn& turn) {
        const auto known = find_recorders(channels, turn);
        const auto before = read_pause(asterisk_, call_);
        const auto held = asterisk_.read_all("pbx-held", call_);
        for (const auto& [key, arguments] : held)
            held_.insert(key);
        if (!before && known.empty() && held_.empty())
            throw Error{Exit::not_recorded, "call " + call_ + " is not recorded, so nothing was paused"};
        since_ = before ? before->since : into_call(call_);
        until_ = current_second() + span_;
        asterisk_.write("pbx-watched", call_, "1");
        // The pause must end by itself wherever this run ends, so what ends it comes first.
        mark_group();
        begin_watch();
        asterisk_.write("pbx-pause", call_, fmt::format("{}-{}", until_.time_since_epoch().count(), since_.count()));
        mark_rows();
        for (const auto& [key, arguments] : held)
            mark_files(arguments, until_);
        for (const auto& [channel, recorder] : known)
            hold(channel, recorder);
        stop_all();
        mark_group();
        mark_rows();
        require_watch();
        log::warn("call {} is paused for {} s, and nothing records it", call_, span_.count());
        return Exit::ok;
    }

  private:
    // A recorder that begins again after an attended transfer is away for 0.1 s, and longer on a busy machine. Other
    // runs, for calls that are recorded, do not wait for it. What they changed is seen by the look in our next turn.
    Recorders find_recorders(const std::vector<Channel>& channels, Turn& turn) {
        auto found = look(channels);
        const auto patience = Deadline::after(4s);
        while (found.empty() && !is_stopped() && !patience.passed()) {
            turn.end();
            while (look(asterisk_.channels()).empty() && !is_stopped() && !patience.passed())
                std::this_thread::sleep_for(50ms);
            turn.begin();
            found = look(asterisk_.channels());
        }
        return found;
    }

    // Recorders that begin during a pause look for it themselves.
    bool is_stopped() const { return read_pause(asterisk_, call_) || !asterisk_.read_all("pbx-held", call_).empty(); }

    Recorders look(const std::vector<Channel>& channels) {
        const RecordedCall call{asterisk_, call_, channels};
        channels_ = call.channels();
        return call.find_recorders();
    }

    void hold(const Channel& channel, const Recorder& recorder) {
        auto key = call_ + '/' + channel.id;
        if (!held_.insert(key).second)
            key += fmt::format("/{}", held_.size());
        mark_files(recorder.arguments(), until_);
        asterisk_.write("pbx-held", key, recorder.arguments());
        asterisk_.stop_recorder(channel.name, recorder);
    }

    // The look that finds nothing begins after the entry was written, and after the last recorder was stopped.
    void stop_all() {
        constexpr int most_looks = 5;
        for (int looks = 0; looks < most_looks; ++looks) {
            const auto found = look(asterisk_.channels());
            if (found.empty())
                return;
            for (const auto& [channel, recorder] : found)
                hold(channel, recorder);
        }
        throw Error{Exit::temporary, fmt::format("call {} may still be recorded: a recorder does not stop", call_),
                    "the pause stands; pbx-record status shows the recorders"};
    }

    // The dialplan recognizes the channels of the call by the group, also after an attended transfer.
    void mark_group() const {
        for (const auto& channel : channels_)
            asterisk_.set_variable(channel.name, "GROUP(pbx-pause)", call_);
    }

    void mark_rows() const {
        const auto pauses = asterisk_.read("pbx-paused", call_) + fmt::format("{}-", since_.count());
        for (const auto& channel : channels_)
            asterisk_.set_variable(channel.name, "CDR(recording_paused)", pauses);
    }

    // The watch ends when no channel is in the group.
    void begin_watch() const {
        if (!is_watched())
            asterisk_.originate(watch_context, call_);
    }

    void require_watch() const {
        const auto patience = Deadline::after(3s);
        while (!is_watched()) {
            if (patience.passed())
                throw Error{Exit::temporary,
                            fmt::format("call {} is paused, but Asterisk does not watch it: the pause will not end by "
                                        "itself",
                                        call_),
                            "end it with pbx-record resume " + call_};
            std::this_thread::sleep_for(50ms);
        }
    }

    bool is_watched() const { return !asterisk_.channels(fmt::format("Local/{}@{}-", call_, watch_context)).empty(); }

    const AsteriskCalls& asterisk_;
    std::string call_;
    seconds span_;
    seconds since_{0};
    std::chrono::sys_seconds until_{};
    std::set<std::string> held_;
    std::vector<Channel> channels_;
};

} // namespace

Exit begin_pause(const AsteriskCalls& asterisk, const std::string& call, seconds span,
                 const std::vector<Channel>& channels, Turn& turn) {
    return Pauser{asterisk, call, span}.run(channels, turn);
}

} // namespace pbx::live

// A pause is an entry in the AstDB, for which each recorder of the dialplan looks when it begins
// (lib/dialplan/recorder.cpp). So pbx-record first writes the entry, and then stops what it finds.
//
//   pbx-pause/CALL         until-since: the end as a Unix time, the beginning in seconds into the call
//   pbx-paused/CALL        the pauses before: "12-47,"
//   pbx-held/CALL/CHANNEL  the Recorder::arguments() of a recorder that waits for the end of the pause
//   pbx-watched/CALL       exists from the first pause to the end of the call: where it is missing, Asterisk cannot
//   read
#include "live/pause.hpp"

#include "base/folder.hpp"
#include "base/interrupt.hpp"
#include "base/lock.hpp"
#include "base/log.hpp"
#include "base/moment.hpp"
#include "base/name.hpp"
#include "base/output.hpp"
#include "cdr/tenants.hpp"
#include "db/session.hpp"
#include "live/asterisk_calls.hpp"
#include "spool/paused_mark.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <version.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <thread>

namespace pbx::live {

namespace {

using std::chrono::seconds;
using namespace std::chrono_literals;
using Channels = std::vector<Channel>;
using Recorders = std::vector<std::pair<Channel, Recorder>>;

constexpr const char* watch_context = "pbx-recorder-watch";

seconds number_in(std::string_view text) {
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return seconds{number};
}

// A call's key begins with the Unix time at which its first channel began.
seconds into_call(const std::string& call) {
    return std::max(current_second().time_since_epoch() - number_in(call), 0s);
}

struct PauseEntry {
    std::chrono::sys_seconds until;
    seconds since;
};

std::optional<PauseEntry> read_pause(const AsteriskCalls& asterisk, const std::string& call) {
    const auto text = asterisk.read("pbx-pause", call);
    const auto dash = text.find('-');
    if (dash == std::string::npos)
        return std::nullopt;
    return PauseEntry{std::chrono::sys_seconds{number_in(text)}, number_in(std::string_view{text}.substr(dash + 1))};
}

// Two commands at once take turns, also for different calls: one call's consultation may be another call.
class Turn {
  public:
    Turn(const std::string& spool, const Deadline& deadline) : spool_{Folder::open(spool)}, deadline_{deadline} {
        begin();
    }

    void begin() {
        while (!lock_) {
            try {
                lock_.emplace(spool_, ".pbx-record.lock");
            } catch (const Error& error) {
                if (error.status() != Exit::temporary || deadline_.passed())
                    throw;
                std::this_thread::sleep_for(50ms);
            }
        }
    }

    void end() { lock_.reset(); }

  private:
    Folder spool_;
    Deadline deadline_;
    std::optional<RunLock> lock_;
};

// Finds the calls that a request means.
class CallFinder {
  public:
    CallFinder(const PauseRequest& request, const Channels& channels) : request_{request}, channels_{channels} {
        if (!request.tenant.organization.empty())
            load_organization();
    }

    // At least one call.
    std::set<std::string> find() const {
        std::set<std::string> calls;
        for (const auto& channel : channels_)
            if (is_meant(channel) && channel.name.find(watch_context) == std::string::npos && is_ours(channel.call))
                calls.insert(channel.call);
        if (calls.empty())
            throw Error{Exit::no_input, fmt::format("no such call in progress: {}", shown(request_.call)),
                        "a call is named by its linkedid, a uniqueid, a channel or an extension"};
        require_one_account(calls);
        return calls;
    }

  private:
    void load_organization() {
        soci::session session;
        db::connect(session, request_.database, request_.timeout);
        const auto tenants = cdr::load_tenants(session);
        organization_ = cdr::find_account(tenants, request_.tenant.organization);
        db::require_agreement(request_.tenant, organization_);
        names_ = tenants.at(organization_);
    }

    bool is_meant(const Channel& channel) const {
        const auto& name = request_.call;
        if (name.find('/') != std::string::npos)
            return channel.name == name;
        if (name.find('.') != std::string::npos)
            return channel.linked == name || channel.call == name || channel.id == key_of(name);
        return is_at_extension(std::string{endpoint_in(channel.name)});
    }

    bool is_at_extension(const std::string& device) const {
        const auto endpoint = device.substr(device.find('/') + 1);
        if (const auto known = names_.extensions.find(endpoint); known != names_.extensions.end())
            return known->second == request_.call;
        const auto prefix = endpoint.substr(0, endpoint.rfind('_') + 1);
        return !prefix.empty() && endpoint == prefix + request_.call &&
               (names_.prefix.empty() || prefix == names_.prefix + '_');
    }

    std::set<std::string> accounts_of(const std::string& call) const {
        std::set<std::string> accounts;
        for (const auto& channel : channels_)
            if (channel.call == call && !channel.account.empty())
                accounts.insert(channel.account);
        return accounts;
    }

    bool is_ours(const std::string& call) const {
        const auto accounts = accounts_of(call);
        const auto only = [&](const std::string& account) {
            return account.empty() || accounts == std::set<std::string>{account};
        };
        return only(request_.tenant.account.value_or("")) && only(organization_);
    }

    // Extensions of two organizations may have one number.
    void require_one_account(const std::set<std::string>& calls) const {
        std::set<std::string> accounts;
        for (const auto& call : calls)
            accounts.merge(accounts_of(call));
        if (calls.size() > 1 && accounts.size() > 1)
            throw Error{Exit::usage,
                        fmt::format("{} is an extension of several organizations: {}", shown(request_.call),
                                    fmt::join(accounts, ", ")),
                        "name one with --account or --org"};
    }

    const PauseRequest& request_;
    const Channels& channels_;
    std::string organization_;
    cdr::TenantNames names_;
};

// One call, and the consultations of its phones, which may become a part of it.
class RecordedCall {
  public:
    RecordedCall(const AsteriskCalls& asterisk, std::string call, const Channels& channels)
        : asterisk_{asterisk}, call_{std::move(call)} {
        choose_channels(channels);
    }

    Recorders find_recorders() const {
        Recorders found;
        for (const auto& channel : channels_)
            for (auto& recorder : asterisk_.recorders(channel.name))
                found.emplace_back(channel, std::move(recorder));
        return found;
    }

    const Channels& channels() const { return channels_; }

  private:
    void choose_channels(const Channels& all) {
        const auto groups = asterisk_.groups();
        std::set<std::string_view> members;
        std::set<std::string_view> calling_phones;
        for (const auto& channel : groups) {
            if (channel.category == "pbx-pause" && channel.group == call_)
                members.insert(channel.name);
            if (channel.category == "pbx-phone")
                calling_phones.insert(channel.name);
        }
        std::set<std::string_view> devices;
        for (const auto& channel : all)
            if (channel.call == call_ && !endpoint_in(channel.name).empty())
                devices.insert(endpoint_in(channel.name));
        std::set<std::string> calls{call_};
        for (const auto& channel : all)
            if (members.contains(channel.name) ||
                (calling_phones.contains(channel.name) && devices.contains(endpoint_in(channel.name))))
                calls.insert(channel.call);
        std::copy_if(all.begin(), all.end(), std::back_inserter(channels_),
                     [&](const Channel& channel) { return calls.contains(channel.call); });
    }

    const AsteriskCalls& asterisk_;
    std::string call_;
    Channels channels_;
};

// Otherwise the beginning of a leg could be archived before its recorder goes on with it.
void mark_files(const std::string& arguments, std::chrono::sys_seconds until) {
    for (const auto& file : files_in(arguments))
        if (!spool::mark_paused(file, until))
            log::note("{} cannot be marked as paused: {}; in a pause that is longer than pbx-archive --min-age, its "
                      "beginning may be archived",
                      shown(file), std::strerror(errno));
}

class Pauser {
  public:
    Pauser(const AsteriskCalls& asterisk, std::string call, seconds span)
        : asterisk_{asterisk}, call_{std::move(call)}, span_{span} {}

    Exit run(const Channels& channels, Turn& turn) {
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
    Recorders find_recorders(const Channels& channels, Turn& turn) {
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

    Recorders look(const Channels& channels) {
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
    Channels channels_;
};

// `key` of pbx-held is CALL/CHANNEL or CALL/CHANNEL/NUMBER. Null when the channel has ended.
const Channel* find_held(const Channels& channels, const std::string& call, const std::string& key) {
    const auto id = key.substr(call.size() + 1, key.find('/', call.size() + 1) - call.size() - 1);
    const auto found =
        std::find_if(channels.begin(), channels.end(), [&](const Channel& each) { return each.id == id; });
    return found == channels.end() ? nullptr : &*found;
}

class Resumer {
  public:
    Resumer(const AsteriskCalls& asterisk, std::string call) : asterisk_{asterisk}, call_{std::move(call)} {}

    Exit run(const PauseEntry& pause) {
        end_pause(pause);
        return continue_recorders();
    }

    /// Also after a run that ended the pause, and was interrupted before it had continued every recorder.
    Exit continue_recorders() {
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
    void end_pause(const PauseEntry& pause) {
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
    void try_to_continue(const std::string& key, const std::string& arguments, const Channels& channels) {
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

// The file, or the options that name two.
std::string shown_recorder(const std::string& arguments) {
    const auto comma = arguments.find(',');
    return comma == 0 ? arguments.substr(1) : arguments.substr(0, comma);
}

nlohmann::ordered_json json_of(const CallStatus& status) {
    constexpr int schema = 1; // docs/json.md
    nlohmann::ordered_json item{
        {"schema", schema}, {"version", version}, {"call", status.call}, {"state", status.state()}};
    if (status.pause) {
        item["since"] = status.pause->since.count();
        item["until"] = iso_time(status.pause->until);
    }
    item["recorders"] = nlohmann::ordered_json::array();
    for (const auto& [channel, recorder] : status.recorders) {
        nlohmann::ordered_json each{{"channel", channel.name}, {"file", recorder.file}};
        if (!recorder.received.empty())
            each["received"] = recorder.received;
        if (!recorder.transmitted.empty())
            each["transmitted"] = recorder.transmitted;
        item["recorders"].push_back(std::move(each));
    }
    for (const auto& [channel, arguments] : status.waiting)
        item["waiting"].push_back({{"channel", channel}, {"recorder", shown_recorder(arguments)}});
    return item;
}

void print_status(const CallStatus& status) {
    output::print("{}: {}", status.call, status.state());
    if (status.pause)
        output::print(" since second {}, until {}", status.pause->since.count(), shown_time(status.pause->until));
    output::print("\n");
    for (const auto& [channel, recorder] : status.recorders)
        for (const auto* file : {&recorder.file, &recorder.received, &recorder.transmitted})
            if (!file->empty())
                output::print("  {} on {}\n", *file, channel.name);
    for (const auto& [channel, arguments] : status.waiting)
        output::print("  {} waits on {}\n", shown_recorder(arguments), channel);
}

CallStatus status_of(const AsteriskCalls& asterisk, const std::string& call, const Channels& channels) {
    CallStatus status{call, read_pause(asterisk, call), RecordedCall{asterisk, call, channels}.find_recorders()};
    if (!status.pause)
        for (const auto& [key, held] : asterisk.read_all("pbx-held", call))
            if (const auto* channel = find_held(channels, call, key))
                status.waiting.emplace_back(channel->name, held);
    return status;
}

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
    for (const auto& call : CallFinder{request, channels}.find()) {
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
            return Pauser{asterisk, call, request.span}.run(channels, turn);
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
                return pause ? Resumer{asterisk, call}.run(*pause) : Resumer{asterisk, call}.continue_recorders();
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

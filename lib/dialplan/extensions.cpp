// The dialplan of an organization. Its legs follow one another: each recording ends where the next begins, so that all
// of a call's legs together are the call once, and each leg has a CDR row of its own.
//
//   DID         on the caller, from the answer until the call is handed on or somebody picks up
//   queue       on the caller, from the answer until an agent picks up
//   extension,  on the channel that answers, from its answer on: an unanswered ring leaves no file, and the recording
//   route       stays with the conversation when the caller hands it over
//
// The caller who waits in Queue() or Dial() cannot run dialplan at the moment the other side answers; the one hook that
// Asterisk calls then is CONNECTED_LINE_SEND_SUB, which acts when the answering channel has raised a SHARED flag. If
// that ever failed, two legs would overlap, and no audio would be lost.
#include "dialplan/policy.hpp"
#include "dialplan/render.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace pbx::dialplan {

namespace {

constexpr std::string_view ours = "; Written by pbx-dialplan-gen for organization \"";

// The time a phone rings. The longest timeout of a queue that makes sense is below it.
constexpr std::string_view ring_seconds = "60";

// A route's pattern where nobody chose one. It would not take what phones dial from an address book, +49...
constexpr std::string_view default_pattern = "_X.";

// A number that another part of the dialplan leads to, and that no route takes; 3: no route to the destination.
constexpr std::string_view no_route = "exten => i,1,Hangup(3)\n";

// ~P prefix, ~S spool, ~C and ~U what the organization's limit adds, ~N "-" and the node's name, where it has one.
//
// start: whose arguments are the last part of the name before the node and, where it is not the channel's own caller
// ID, the caller. The name must not be that of another recording: the time is UTC, since the clock of autumn repeats an
// hour; the node keeps machines apart; GROUP_COUNT sees a name that another channel begins at this moment, STAT one
// that is on disk. FILTER makes the caller ID harmless, which comes from the network as it is. A unique id is
// [systemname-]epoch.sequence, and the system name may hold anything.
//
// again: Asterisk decodes for a channel's recorders in one place, which takes RTP packets with lower sequence numbers
// than the last one's for late ones, and drops them; after an attended transfer those of the new party are as often
// lower as higher. It goes with the channel's last recorder, at the next frame: the pause is for that frame.
constexpr std::string_view recorder = R"(
[~P__rec]
; start(tag[,caller]): records this channel into a file of its own
exten => start,1,StopMixMonitor()
 same => n,Set(LOCAL(src)=${FILTER(0-9A-Za-z,${CALLERID(num)})})
 same => n,ExecIf($["x${ARG2}"!="x"]?Set(LOCAL(src)=${FILTER(0-9A-Za-z,${ARG2})}))
 same => n,Set(LOCAL(src)=${IF($["x${src}"="x"]?anonymous:${src:0:32})})
 same => n,Set(LOCAL(file)=${STRFTIME(${EPOCH},UTC,%Y%m%d-%H%M%S)}-${src}-${ARG1}~N)
 same => n,Set(GROUP(pbxrec)=${file})
 same => n,GotoIf($[${GROUP_COUNT(${file}@pbxrec)}<2 & ${STAT(e,~S/${file}.wav)}=0]?free)
 same => n,Set(LOCAL(file)=${file}-${FILTER(0-9.,${CUT(UNIQUEID,-,${FIELDQTY(UNIQUEID,-)})})})
 same => n,GotoIf($[${STAT(e,~S/${file}.wav)}=0]?free)
 same => n,Set(LOCAL(file)=${file}.${RAND(100000,999999)})
 same => n(free),MixMonitor(~S/${file}.wav)
 same => n,Set(CDR(recordingfile)=${file}.wav)
 same => n,Set(PBX_FILE=${file}.wav)
 same => n,Return()
; stop: the recording on this channel ends. One that answered a call and was handed over has that call's file in its CDR
; variables, where it would hide the next one's; it has no row of its own yet, so that ResetCDR takes nothing else.
exten => stop,1,StopMixMonitor()
 same => n,ExecIf($["${PBX_ANSWERER}"="1"]?ResetCDR())
 same => n,Set(PBX_ANSWERER=)
 same => n,Set(CONNECTED_LINE_SEND_SUB=)
 same => n,Return()
; again: another party is on the line, after an attended transfer, and the recording goes on in the same file
exten => again,1,StopMixMonitor()
 same => n,Wait(0.1)
 same => n,MixMonitor(~S/${PBX_FILE},a)
~C same => n,Return()
; next: so does its leg, with a CDR row of its own, and the call goes on
exten => next,1,StopMixMonitor()
 same => n,ForkCDR(er)
 same => n,Return()
; arm: the recording ends when the side that this channel waits for picks up
exten => arm,1,Set(SHARED(PBX_ANSWERED)=)
 same => n,Set(__PBX_WAITING=${CHANNEL})
 same => n,Set(CONNECTED_LINE_SEND_SUB=~P__rec,answered,1)
 same => n,Return()
; disarm: nobody picked up
exten => disarm,1,Set(__PBX_WAITING=)
 same => n,Set(CONNECTED_LINE_SEND_SUB=)
 same => n,Set(SHARED(PBX_ANSWERED)=)
 same => n,Goto(stop,1)
exten => answered,1,GotoIf($["${SHARED(PBX_ANSWERED)}"!="1"]?done)
 same => n,StopMixMonitor()
 same => n,Set(SHARED(PBX_ANSWERED)=)
 same => n,Set(__PBX_WAITING=)
 same => n,Set(CONNECTED_LINE_SEND_SUB=)
 same => n(done),Return()
; nobody: ends at once, and leaves no CDR row
exten => nobody,1,Set(CDR_PROP(disable)=1)
 same => n,Hangup()

; U(tag^caller^waiting channel) of Dial: runs on the channel that answered. Without a tag nothing is recorded here, but
; the waiting channel's recording ends. The other half of a Local channel has a leg of its own.
[~P__rec-up]
exten => s,1,ExecIf($["x${ARG3}"!="x"]?Set(SHARED(PBX_ANSWERED,${ARG3})=1))
~U same => n,GotoIf($["x${ARG1}"="x" | "${CHANNEL(channeltype)}"="Local"]?done)
 same => n,Set(PBX_ANSWERER=1)
 same => n,Gosub(~P__rec,start,1(${ARG1},${IF($["x${ARG2}"="x"]?anonymous:${ARG2})}))
 same => n,Set(CONNECTED_LINE_SEND_SUB=~P__rec,again,1)
 same => n(done),Return()
)";

// Whose number the trunk sends may be anything; a DID's own digits are what routes the call.
constexpr std::string_view incoming = R"(
; Calls from trunks. A trunk that registers may send them to "s", with the number in the To header.
[~P__incoming]
include => ~P__none
exten => _X.,1,Goto(~P__incoming_sub,${FILTER(0-9,${EXTEN})},1)
exten => _+X.,1,Goto(~P__incoming_sub,${FILTER(0-9,${EXTEN})},1)
exten => s,1,Set(PBX_TO=${PJSIP_HEADER(read,To)})
 same => n,Set(PBX_TO=${CUT(PBX_TO,@,1)})
 same => n,Set(PBX_TO=${FILTER(0-9,${CUT(PBX_TO,:,2)})})
 same => n,GotoIf($["x${PBX_TO}"="x"]?none)
 same => n,Goto(~P__incoming_sub,${PBX_TO},1)
 same => n(none),Hangup(1)
)";

// A number that nothing else takes. The patterns leave out the single letters, of which Asterisk gives several a
// meaning of their own. 3: no route to the destination.
constexpr std::string_view none = R"(
; What nothing else takes: refused, with a CDR row.
[~P__none]
exten => _[!-}].,1,Set(CHANNEL(accountcode)=~A)
 same => n,Hangup(3)
exten => _[0-9*#+],1,Set(CHANNEL(accountcode)=~A)
 same => n,Hangup(3)

; Text messages outside of calls: there is nothing here that could take one.
[~P__message]
)";

// ~N the limit, ~E the emergency numbers. A channel that was called carries a call on when the one that called it hands
// it over: by a blind transfer it passes an extension, and takes the place of the channel that leaves; an attended one
// is seen by the connected-line hook (carry), in which of the two channels that are left one takes the place, unless
// either has it.
//
// 34: no circuit available, which becomes 503 in SIP and CONGESTION in the CDR row. 42 would be 503 as well, but FAILED
// in the row.
constexpr std::string_view calls = R"(
; limits.max_channels. The group holds one channel for each call: the one that brought it in, or that carries it on
; after a transfer. Local channels are parts of a call that is counted.
; in(number dialled, number sent): an emergency number is never refused.
[~P__calls]
exten => in,1,GotoIf($["${CHANNEL(channeltype)}"="Local" | "${GROUP(pbx-calls)}"="~P"]?done)
 same => n,Set(GROUP(pbx-calls)=~P)
 same => n,GotoIf($["x${BLINDTRANSFER}"!="x" | ${GROUP_COUNT(~P@pbx-calls)}<=~N]?done)
 same => n,GotoIf($[${REGEX("^(~E)$" ${ARG1})} | ${REGEX("^(~E)$" ${ARG2})}]?done)
 same => n,Hangup(34)
 same => n(done),Return()
exten => carry,1,GotoIf($["${GROUP(pbx-calls)}"="~P" | "x${BRIDGEPEER}"="x"]?done)
 same => n,GotoIf($["${IMPORT(${BRIDGEPEER},GROUP(pbx-calls))}"="~P" | "${CHANNEL}">"${BRIDGEPEER}"]?done)
 same => n,Set(GROUP(pbx-calls)=~P)
 same => n(done),Return()

; For Dial's option U: on the channel that answered
[~P__calls-up]
exten => s,1,ExecIf($["${CHANNEL(channeltype)}"!="Local"]?Set(CONNECTED_LINE_SEND_SUB=~P__calls,carry,1))
 same => n,Return()
)";

class Writer {
  public:
    Writer(const Plan& plan, const Machine& machine)
        : plan_{plan}, organization_{plan.organization}, prefix_{plan.prefix()}, machine_{machine},
          records_{records(plan)}, limited_{plan.max_channels > 0} {}

    std::string text() {
        text_ = first_line(plan_);
        write_internal();
        write_incoming();
        write_outbound();
        write_queue();
        write_transfer();
        text_ += fill(none, {{'P', prefix_}, {'A', plan_.accountcode()}});
        if (limited_)
            text_ += fill(calls, {{'P', prefix_}, {'N', std::to_string(plan_.max_channels)}, {'E', emergency()}});
        if (records_) {
            const auto node = machine_.node.empty() ? std::string{} : '-' + machine_.node;
            std::string carry;
            std::string up;
            if (limited_) {
                carry = fill(" same => n,Gosub(~P__calls,carry,1)\n", {{'P', prefix_}});
                up = fill(" same => n,Gosub(~P__calls-up,s,1)\n", {{'P', prefix_}});
            }
            text_ += fill(recorder, {{'P', prefix_}, {'S', machine_.spool}, {'N', node}, {'C', carry}, {'U', up}});
        }
        return std::move(text_);
    }

  private:
    bool recorded(tenants::RecordingFlag row) const { return allows(organization_.recording_enabled, row); }

    void context(std::string_view name) { text_ += "\n[" + prefix_ + "__" + std::string{name} + "]\n"; }

    void point(const char* kind, const std::string& name, tenants::RecordingFlag row, std::string_view how) {
        text_ += marker({kind, harmless(name), recorded(row), {}, {}}) + '\n';
        if (recorded(row))
            text_ += "; MixMonitor " + std::string{how} + '\n';
    }

    // The first priority of an extension, which sets the account of the call's CDR rows.
    void begin(std::string_view extension) {
        text_ += fill("exten => ~E,1,Set(CHANNEL(accountcode)=~A)\n", {{'E', extension}, {'A', plan_.accountcode()}});
    }

    // A call that enters here counts against the organization's limit; one that counts already is let through.
    void count(std::string_view dialled = {}, std::string_view sent = {}) {
        if (limited_)
            same("Gosub(~P__calls,in,1(~D,~S))", {{'P', prefix_}, {'D', dialled}, {'S', sent}});
    }

    void same(std::string_view pattern, std::initializer_list<std::pair<char, std::string_view>> values = {}) {
        text_ += " same => n,";
        text_ += values.size() == 0 ? std::string{pattern} : fill(pattern, values);
        text_ += '\n';
    }

    void recorder_does(std::string_view what) {
        if (records_)
            same("Gosub(~P__rec,~W,1)", {{'P', prefix_}, {'W', what}});
    }

    void start(std::string_view tag) { same("Gosub(~P__rec,start,1(~T))", {{'P', prefix_}, {'T', tag}}); }

    // Dial's options. The side that was called may transfer by keys when it is ours (`called`), the caller when it is
    // not somebody from outside, who would dial out at our cost.
    std::string dial_options(std::string_view called, std::string_view tag) const {
        auto options = std::string{called} + R"(${IF($["x${PBX_OUTSIDE}"="x"]?T)})";
        if (records_)
            options += fill("U(~P__rec-up^~T^${FILTER(0-9A-Za-z,${CALLERID(num)}):0:32}^${PBX_WAITING})",
                            {{'P', prefix_}, {'T', tag}});
        else if (limited_)
            options += fill("U(~P__calls-up)", {{'P', prefix_}});
        return options;
    }

    // Queue() and an outer Dial() tell the caller's channel that somebody answered only when there is news of who.
    void announce(std::string_view number) {
        if (records_)
            same(R"(ExecIf($["x${PBX_WAITING}"!="x"]?Set(CONNECTEDLINE(num)=~N)))", {{'N', number}});
    }

    void go_to(std::string_view type, std::string_view destination) {
        if (type == "extension" && plan_.user(destination) != nullptr)
            same("Goto(~P__internal,~D,1)", {{'P', prefix_}, {'D', destination}});
        else if (type == "queue" && plan_.queue(destination) != nullptr)
            same("Goto(~P__queue,~D,1)", {{'P', prefix_}, {'D', destination}});
        else if (type == "external")
            same("Goto(~P__outbound,~D,1)", {{'P', prefix_}, {'D', destination}});
        else
            same("Hangup(1)");
    }

    void write_internal() {
        text_ += "\n; What the organization's phones can dial, and where calls to its users ring.\n";
        text_ += fill("[~P__internal]\ninclude => ~P__queue\ninclude => ~P__outbound\ninclude => ~P__none\n",
                      {{'P', prefix_}});
        for (const auto& user : organization_.users)
            write_user(user);
    }

    void write_user(const tenants::User& user) {
        point("extension", user.extension, user.recording_enabled, "on the side that answers");
        const std::string_view tag = recorded(user.recording_enabled) ? std::string_view{user.extension} : "";
        begin(user.extension);
        count();
        recorder_does("stop");
        announce(user.extension);
        if (user.ring_target == "phone") {
            // The route carries the call; whether it is recorded is the extension's to say.
            same("Gosub(~P__outbound,~N,1(~T))",
                 {{'P', prefix_}, {'N', user.phone_number}, {'T', tag.empty() ? "-" : tag}});
        } else {
            const auto options = dial_options("t", tag);
            same("Dial(PJSIP/~E,~R,~O)", {{'E', user.asterisk_endpoint}, {'R', ring_seconds}, {'O', options}});
        }
        same("Hangup()");
    }

    void write_incoming() {
        text_ += fill(incoming, {{'P', prefix_}});
        context("incoming_sub");
        for (const auto& did : organization_.dids)
            write_did(did);
        text_ += "exten => i,1,Hangup(1)\n";
    }

    void write_did(const tenants::Did& did) {
        point("did", did.number, did.recording_enabled, "on the caller, until the next leg begins");
        begin(did.number);
        count();
        same("Set(__PBX_OUTSIDE=1)");
        const auto& destination = did.routing_destination;
        const bool to_user = did.routing_type == "extension" && plan_.user(destination) != nullptr;
        const bool to_queue = did.routing_type == "queue" && plan_.queue(destination) != nullptr;
        const bool to_outside = did.routing_type == "external";
        if (!recorded(did.recording_enabled) || !(to_user || to_queue || to_outside)) {
            go_to(did.routing_type, destination);
            return;
        }
        // Before an answer there is nothing to record.
        same("Answer()");
        start(did.number);
        if (to_queue) {
            // The second that media takes to flow both ways.
            same("Wait(1)");
            recorder_does("next");
            go_to(did.routing_type, destination);
            return;
        }
        // The ringing belongs to this leg; by way of a Local channel the next one has its own CDR row, as in a queue.
        recorder_does("arm");
        // Dial() tells the caller's channel of an answer only when it rings more than one side: the second is nobody.
        same("Dial(Local/~D@~P__~C/n&Local/nobody@~P__rec/n)",
             {{'D', destination}, {'P', prefix_}, {'C', to_user ? "internal" : "outbound"}});
        same("Hangup()");
    }

    void write_outbound() {
        const auto& routes = organization_.routes;
        text_ += "\n; Calls out, by the routes' priority: the first context whose pattern fits takes the call, and "
                 "hands it\n"
                 "; to the next when its trunk fails.\n";
        if (routes.empty())
            text_ += fill("[~P__outbound]\n~I", {{'P', prefix_}, {'I', no_route}});
        for (std::size_t i = 0; i < routes.size(); ++i)
            write_route(routes[i], i);
        write_caller_ids();
    }

    std::string route_context(std::size_t place) const {
        return prefix_ + "__outbound" + (place == 0 ? std::string{} : '-' + std::to_string(place + 1));
    }

    void write_route(const tenants::Route& route, std::size_t place) {
        const bool last = place + 1 == organization_.routes.size();
        const auto next = route_context(place + 1);
        text_ += (place == 0 ? "[" : "\n[") + route_context(place) + "]\n";
        if (!last)
            text_ += "include => " + next + '\n';
        if (place == 0)
            text_ += no_route;
        point("route", route.name, route.recording_enabled, "on the side that answers");
        write_pattern(route, place, route.dial_pattern, std::to_string(route.strip_digits), route.prepend_digits);
        // An international number with its plus has no digits of a private plan to cut off or to put in front.
        if (route.dial_pattern == default_pattern)
            write_pattern(route, place, "_+X.", "0", "");
    }

    void write_pattern(const tenants::Route& route, std::size_t place, std::string_view pattern,
                       const std::string& strip, const std::string& prepend) {
        const bool last = place + 1 == organization_.routes.size();
        const auto next = route_context(place + 1);
        begin(pattern);
        count("${FILTER(0-9,${EXTEN})}", fill("${FILTER(0-9,${EXTEN:~S})}", {{'S', strip}}));
        // What a phone dials comes from the network: it names no second destination, no argument, no channel.
        same("Set(PBX_NUMBER=${FILTER(0-9*#+,${EXTEN})})");
        const auto* trunk = plan_.trunk_by_id(route.trunk_id);
        if (trunk != nullptr) {
            // With an argument the call is that extension's, which has decided on recording.
            if (records_)
                same(recorded(route.recording_enabled)
                         ? R"(Set(PBX_TAG=${FILTER(0-9A-Za-z,${IF($["x${ARG1}"="x"]?${PBX_NUMBER}:${ARG1})}):0:32}))"
                         : "Set(PBX_TAG=${FILTER(0-9A-Za-z,${ARG1})})");
            recorder_does("stop");
            announce("${PBX_NUMBER}");
            auto options = dial_options("", "${PBX_TAG}");
            if (!route.caller_id_override.empty())
                options += fill("b(~P__caller-id^~R^1)", {{'P', prefix_}, {'R', std::to_string(place + 1)}});
            same("Dial(PJSIP/~B${PBX_NUMBER:~S}@~T,~R,~O)",
                 {{'B', prepend}, {'S', strip}, {'T', trunk->asterisk_peer_name}, {'R', ring_seconds}, {'O', options}});
            if (!last)
                same(R"(GotoIf($["${DIALSTATUS}"!="CHANUNAVAIL" & "${DIALSTATUS}"!="CONGESTION"]?end))");
        }
        if (!last)
            same("GotoIf($[${DIALPLAN_EXISTS(~N,${PBX_NUMBER},1)}]?~N,${PBX_NUMBER},1)", {{'N', next}});
        // 38: network out of order.
        text_ += trunk == nullptr ? " same => n,Hangup(38)\n" : " same => n(end),Hangup()\n";
    }

    // Where a phone may hand a call over to. Without it Asterisk would look where the phone's own calls begin, in which
    // every number exists, and a transfer to a wrong one would lose the call.
    void write_transfer() {
        text_ += "\n; What a call can be handed over to; to anything else Asterisk refuses the transfer.\n";
        text_ += fill("[~P__transfer]\n", {{'P', prefix_}});
        std::set<std::string> extensions;
        for (const auto& user : organization_.users)
            extensions.insert(user.extension);
        for (const auto& queue : organization_.queues)
            extensions.insert(queue.number);
        for (const auto& route : organization_.routes) {
            extensions.insert(route.dial_pattern);
            if (route.dial_pattern == default_pattern)
                extensions.insert("_+X.");
        }
        for (const auto& extension : extensions)
            text_ += fill("exten => ~E,1,Goto(~P__internal,${FILTER(0-9A-Za-z*#+,${EXTEN})},1)\n",
                          {{'E', extension}, {'P', prefix_}});
    }

    // What the operator's list of emergency numbers is in a regular expression.
    std::string emergency() const {
        std::string result;
        for (const auto& number : machine_.emergency)
            result += (result.empty() ? "" : "|") + number;
        return result;
    }

    // On the channel to the trunk, not on the caller's: there it would change the CDR's src.
    void write_caller_ids() {
        const auto& routes = organization_.routes;
        if (std::all_of(routes.begin(), routes.end(),
                        [](const auto& route) { return route.caller_id_override.empty(); }))
            return;
        context("caller-id");
        for (std::size_t i = 0; i < routes.size(); ++i)
            if (!routes[i].caller_id_override.empty())
                text_ += fill("exten => ~R,1,Set(CONNECTEDLINE(num,i)=~N)\n same => n,Set(CONNECTEDLINE(name,i)=)\n"
                              " same => n,Return()\n",
                              {{'R', std::to_string(i + 1)}, {'N', routes[i].caller_id_override}});
    }

    void write_queue() {
        context("queue");
        for (const auto& queue : organization_.queues)
            write_queue(queue);
    }

    void write_queue(const tenants::Queue& queue) {
        point("queue", queue.number, queue.recording_enabled, "on the caller, until an agent picks up");
        begin(queue.number);
        count();
        same("Answer()");
        // A caller may come from another queue, by transfer.
        recorder_does("disarm");
        if (recorded(queue.recording_enabled)) {
            start("queue-" + queue.number);
            recorder_does("arm");
        }
        const auto wait = queue.max_wait_time > 0 ? ",,," + std::to_string(queue.max_wait_time) : std::string{};
        // Option I would keep the news of an answer from the caller's channel.
        same(R"(Queue(~Q,t${IF($["x${PBX_OUTSIDE}"="x"]?T)}~W))", {{'Q', queue.asterisk_queue_name}, {'W', wait}});
        if (!queue.timeout_destination_type.empty()) {
            recorder_does("disarm");
            if (recorded(queue.recording_enabled))
                recorder_does("next");
            go_to(queue.timeout_destination_type, queue.timeout_destination);
        } else {
            same("Hangup()");
        }
    }

    const Plan& plan_;
    const tenants::Organization& organization_;
    const std::string& prefix_;
    const Machine& machine_;
    bool records_;
    bool limited_;
    std::string text_;
};

} // namespace

std::string extensions_text(const Plan& plan, const Machine& machine) {
    return Writer{plan, machine}.text();
}

std::string_view spool_fault(std::string_view spool) {
    if (spool.empty() || spool.front() != '/')
        return "it is not an absolute path";
    if (!consists_of(spool, "0-9A-Za-z_./-", 120))
        return "the dialplan can hold only letters, digits and _ . / - of it, and at most 120";
    return {};
}

std::string first_line(const Plan& plan) {
    return std::string{ours} + harmless(plan.organization.name) + "\". Changes made here are lost.\n";
}

bool is_ours(std::string_view text) {
    return text.starts_with(ours);
}

} // namespace pbx::dialplan

// The dialplan of an organization. Its legs follow one another: each recording ends where the next begins, so that the
// legs of a call, joined, are the whole call once, and each leg has a CDR row of its own.
//
//   DID         on the caller, from the answer until the call is routed on or somebody answers. Only a number that
//               answers has such a leg: one that leads to a queue, plays a notice, or whose row wants it. Nobody pays
//               for ringing
//   queue       on the caller, from the answer until an agent answers
//   extension,  on the channel that answers, from its answer on: an unanswered ring leaves no file, and the recording
//   route       stays with the conversation when the caller transfers it
//
// The channel of a caller who waits in Queue() or Dial() cannot run dialplan when the other side answers. The one hook
// that Asterisk calls then is CONNECTED_LINE_SEND_SUB, which acts when the answering channel has set a SHARED flag. If
// that failed, two legs would overlap, but no audio would be lost.
//
// The text is the same whatever is recorded, but for [<prefix>__policy], [<prefix>__consent] and comments: a call in
// progress continues at its next step in the new text.
#include "dialplan/consent_steps.hpp"
#include "dialplan/fixed_contexts.hpp"
#include "dialplan/policy.hpp"
#include "dialplan/recorder.hpp"
#include "dialplan/render.hpp"
#include "dialplan/routing.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace pbx::dialplan {

namespace {

constexpr std::string_view ours = "; Written by pbx-dialplan-gen for ";

// How long a phone rings: longer than any sensible timeout of a queue.
constexpr std::string_view ring_seconds = "60";

// For numbers that another part of the dialplan sends here and no route matches. Cause 3: no route to destination.
constexpr std::string_view no_route = "exten => i,1,Hangup(3)\n";

class DialplanWriter {
  public:
    DialplanWriter(const Plan& plan, const Machine& machine)
        : plan_{plan},
          organization_{plan.organization}, prefix_{plan.prefix()}, machine_{machine}, limited_{plan.max_channels > 0} {
    }

    std::string text() {
        text_ = first_line(plan_);
        write_internal();
        write_incoming();
        write_outbound();
        write_queues();
        write_transfer();
        text_ += fallback_contexts(plan_) + own_contexts(plan_) + call_limit_contexts(plan_, machine_) +
                 account_context(plan_) + consent_context(plan_, machine_) + policy_context(plan_, machine_);
        return std::move(text_);
    }

  private:
    bool recorded(tenants::RecordingFlag row) const { return allows(organization_.recording_enabled, row); }

    void begin_context(std::string_view name) { text_ += "\n[" + prefix_ + "__" + std::string{name} + "]\n"; }

    void mark_point(const char* kind, const std::string& name, tenants::RecordingFlag row, std::string_view how) {
        text_ += marker({kind, harmless(name), {}, recorded(row), {}, {}}) + '\n';
        if (recorded(row))
            text_ += "; MixMonitor " + std::string{how} + '\n';
    }

    // The first priority of an extension, which sets the account of the call's CDR rows.
    void begin_extension(std::string_view extension) {
        text_ += fill("exten => ~E,1,Set(CHANNEL(accountcode)=~A)\n", {{'E', extension}, {'A', plan_.accountcode()}});
    }

    // A call that enters here counts against the organization's limit, unless it is counted already.
    void count_call(std::string_view dialled = {}, std::string_view sent = {}) {
        if (limited_)
            add_step("Gosub(~P__calls,in,1(~D,~S))", {{'P', prefix_}, {'D', dialled}, {'S', sent}});
    }

    void add_step(std::string_view pattern, std::initializer_list<std::pair<char, std::string_view>> values = {}) {
        text_ += " same => n,";
        text_ += values.size() == 0 ? std::string{pattern} : fill(pattern, values);
        text_ += '\n';
    }

    void call_recorder(std::string_view what) { add_step("Gosub(pbx-recorder,~W,1)", {{'W', what}}); }

    void start_recording(std::string_view tag, const std::string& point) {
        add_step("Gosub(pbx-recorder,start,1(~T,,~P,~I))", {{'T', tag}, {'P', prefix_}, {'I', point}});
    }

    // Before a DID or a queue records the caller. Returns 1 when a notice was played, for which the channel was
    // answered.
    void ask_caller(const std::string& point) {
        add_step("Gosub(pbx-recorder,ask,1(~P,${DIALPLAN_EXISTS(~P__consent,~I,1)}))", {{'P', prefix_}, {'I', point}});
    }

    // Before an extension or a route rings. `numbers`: those that can be emergency numbers.
    void prepare_consent(std::string_view point, std::string_view numbers = {}) {
        add_step("Gosub(pbx-recorder,calling,1(~P,~I~N))", {{'P', prefix_}, {'I', point}, {'N', numbers}});
    }

    // Does what prepare_consent() does, in one step too, and returns the destinations for Dial(). Asterisk itself calls
    // only one of the devices that are registered as a phone.
    std::string find_devices(const tenants::User& user) {
        if (plan_.max_contacts == 1) {
            prepare_consent(point_id(user));
            return "PJSIP/" + user.asterisk_endpoint;
        }
        add_step("Gosub(pbx-recorder,devices,1(~E,~P,~I))",
                 {{'E', user.asterisk_endpoint}, {'P', prefix_}, {'I', point_id(user)}});
        return "${GOSUB_RETVAL}";
    }

    // Dial's options. The called side may transfer by keys when it is one of our phones (`called`), and so may the
    // caller, unless the call comes from outside: such a caller could dial out at the organization's cost.
    std::string dial_options(std::string_view called, std::string_view tag, std::string_view point) const {
        return std::string{called} + R"(${IF($["x${PBX_OUTSIDE}"="x"]?T)})" +
               fill("U(pbx-recorder-up^~T^${FILTER(0-9A-Za-z,${CALLERID(num)}):0:32}^${PBX_WAITING}^~P^~I)",
                    {{'T', tag}, {'P', prefix_}, {'I', point}});
    }

    // Queue() and an outer Dial() inform the caller's channel of an answer only when the connected line changes.
    void update_connected_line(std::string_view number) {
        add_step(R"(ExecIf($["x${PBX_WAITING}"!="x"]?Set(CONNECTEDLINE(num)=~N)))", {{'N', number}});
    }

    bool is_user(std::string_view type, std::string_view destination) const {
        return type == "extension" && plan_.user(destination) != nullptr;
    }

    bool is_queue(std::string_view type, std::string_view destination) const {
        return type == "queue" && plan_.queue(destination) != nullptr;
    }

    // A Local channel gives the next leg a CDR row of its own, as in a queue: this row keeps the number that was
    // dialled, and that one knows when somebody answered, even where the caller's channel was answered before. `beside`
    // rings too.
    void go_to(std::string_view type, std::string_view destination, std::string_view beside = {}) {
        const bool to_user = is_user(type, destination);
        if (is_queue(type, destination)) {
            add_step("Goto(~P__queue,~D,1)", {{'P', prefix_}, {'D', destination}});
        } else if (to_user || type == "external") {
            add_step("Dial(Local/~D@~P__~C/n~B)",
                     {{'D', destination}, {'P', prefix_}, {'C', to_user ? "internal" : "outbound"}, {'B', beside}});
            add_step("Hangup()");
        } else {
            add_step("Hangup(1)");
        }
    }

    void write_internal() {
        text_ += "\n; What the organization's phones can dial, and where calls to its users ring.\n";
        text_ += fill("[~P__internal]\ninclude => ~P__own\ninclude => ~P__queue\ninclude => ~P__outbound\n"
                      "include => ~P__none\n",
                      {{'P', prefix_}});
        for (const auto& user : organization_.users)
            write_user(user);
    }

    void write_user(const tenants::User& user) {
        mark_point("extension", user.extension, user.recording_enabled, "on the side that answers");
        begin_extension(user.extension);
        count_call();
        call_recorder("stop");
        update_connected_line(user.extension);
        if (user.ring_target == "phone") {
            // The call goes out by a route, but the extension decides whether it is recorded.
            add_step("Gosub(~P__outbound,~N,1(~T))", {{'P', prefix_}, {'N', user.phone_number}, {'T', user.extension}});
        } else {
            const auto options = dial_options("t", user.extension, point_id(user));
            add_step("Dial(~D,~R,~O)", {{'D', find_devices(user)}, {'R', ring_seconds}, {'O', options}});
            go_to_own_context(user.extension);
            // No phone is registered, or it is unreachable: 20 becomes 480 in SIP. Asterisk's own cause becomes 404.
            text_ += R"( same => n(over),ExecIf($["${DIALSTATUS}"="CHANUNAVAIL"]?Hangup(20)))"
                     "\n";
        }
        add_step("Hangup()");
    }

    // Nobody answered: to the operator's voicemail, for example, which must not answer for the member of a queue. Its
    // answer ends the recording of a DID that waits for one.
    void go_to_own_context(std::string_view extension) {
        add_step(R"(GotoIf($["${CHANNEL(channeltype)}${PBX_QUEUED}"="Local1" | )"
                 "${DIALPLAN_EXISTS(~P__own_unanswered,~E,1)}=0]?over)",
                 {{'P', prefix_}, {'E', extension}});
        add_step(R"(ExecIf($["x${PBX_WAITING}"!="x"]?Set(SHARED(PBX_ANSWERED,${PBX_WAITING})=1)))");
        add_step("Goto(~P__own_unanswered,~E,1)", {{'P', prefix_}, {'E', extension}});
    }

    void write_incoming() {
        text_ += incoming_context(plan_);
        begin_context("incoming_sub");
        text_ += fill("include => ~P__own_incoming\n", {{'P', prefix_}});
        for (const auto& did : organization_.dids)
            write_did(did);
        text_ += "exten => i,1,Hangup(1)\n";
    }

    void write_did(const tenants::Did& did) {
        mark_point("did", did.number, did.recording_enabled, "on the caller, until the next leg begins");
        begin_extension(did.number);
        count_call();
        add_step("Set(__PBX_OUTSIDE=1)");
        std::string_view beside;
        if (is_queue(did.routing_type, did.routing_destination)) {
            add_step("Answer()");
            ask_caller(point_id(did));
            start_recording(did.number, point_id(did));
            // Media takes a second to flow in both directions.
            add_step(R"(ExecIf($["x${PBX_FILE}"!="x"]?Wait(1)))");
            call_recorder("next");
        } else if (did.routing_type == "external" || is_user(did.routing_type, did.routing_destination)) {
            if (did.answers)
                add_step("Answer()");
            ask_caller(point_id(did));
            if (!did.answers)
                add_step("GotoIf($[${GOSUB_RETVAL}=0]?ring)");
            // The ringing belongs to this leg.
            start_recording(did.number, point_id(did));
            call_recorder("arm");
            // Dial() informs the caller's channel of an answer only when it rings more than one side.
            text_ +=
                " same => n(ring),Set(PBX_BESIDE=${IF($[\"x${PBX_FILE}\"=\"x\"]?:&Local/nobody@pbx-recorder/n)})\n";
            beside = "${PBX_BESIDE}";
        }
        go_to(did.routing_type, did.routing_destination, beside);
    }

    void write_outbound() {
        const auto& routes = organization_.routes;
        text_ += "\n; Calls out, by the routes' priority: the first context whose pattern matches takes the call, and "
                 "the next\n"
                 "; one that matches takes it when the trunk fails.\n";
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
        mark_point("route", route.name, route.recording_enabled, "on the side that answers");
        write_pattern(route, place, route.dial_pattern, std::to_string(route.strip_digits), route.prepend_digits);
        // An international number with a plus is sent unchanged: it has no prefix of a private dial plan.
        if (route.dial_pattern == default_pattern)
            write_pattern(route, place, plus_pattern, "0", "");
    }

    void write_pattern(const tenants::Route& route, std::size_t place, std::string_view pattern,
                       const std::string& strip, const std::string& prepend) {
        const bool last = place + 1 == organization_.routes.size();
        const auto next = route_context(place + 1);
        begin_extension(pattern);
        constexpr std::string_view dialled = "${FILTER(0-9,${EXTEN})}";
        const auto sent = fill("${FILTER(0-9,${EXTEN:~S})}", {{'S', strip}});
        count_call(dialled, sent);
        // What a phone dials comes from the network: without the filter it could name a second destination or channel.
        add_step("Set(PBX_NUMBER=${FILTER(0-9*#+,${EXTEN})})");
        const auto* trunk = plan_.trunk_by_id(route.trunk_id);
        if (trunk != nullptr) {
            // With an argument the call belongs to that extension, which decides whether it is recorded.
            add_step(R"(Set(PBX_TAG=${FILTER(0-9A-Za-z,${IF($["x${ARG1}"="x"]?${PBX_NUMBER}:${ARG1})}):0:32}))");
            add_step(R"(Set(PBX_DECIDES=${IF($["x${ARG1}"="x"]?~R:extension-${ARG1})}))", {{'R', point_id(route)}});
            call_recorder("stop");
            prepare_consent("${PBX_DECIDES}", fmt::format(",{},{}", dialled, sent));
            update_connected_line("${PBX_NUMBER}");
            auto options = dial_options("", "${PBX_TAG}", "${PBX_DECIDES}");
            if (!route.caller_id_override.empty())
                options += fill("b(~P__caller-id^~R^1)", {{'P', prefix_}, {'R', std::to_string(place + 1)}});
            add_step(
                "Dial(PJSIP/~B${PBX_NUMBER:~S}@~T,~R,~O)",
                {{'B', prepend}, {'S', strip}, {'T', trunk->asterisk_peer_name}, {'R', ring_seconds}, {'O', options}});
            if (!last)
                add_step(R"(GotoIf($["${DIALSTATUS}"!="CHANUNAVAIL" & "${DIALSTATUS}"!="CONGESTION"]?end))");
        }
        if (!last)
            add_step("GotoIf($[${DIALPLAN_EXISTS(~N,${PBX_NUMBER},1)}]?~N,${PBX_NUMBER},1)", {{'N', next}});
        // 38: network out of order.
        text_ += trunk == nullptr ? " same => n,Hangup(38)\n" : " same => n(end),Hangup()\n";
    }

    // The targets of transfers. Without this context Asterisk would use the one in which the phone's own calls begin,
    // where every number exists: a transfer to a wrong number would lose the call.
    void write_transfer() {
        text_ += "\n; The targets of transfers: Asterisk refuses a transfer to anything else.\n";
        text_ += fill("[~P__transfer]\ninclude => ~P__own\n", {{'P', prefix_}});
        std::set<std::string> extensions;
        for (const auto& user : organization_.users)
            extensions.insert(user.extension);
        for (const auto& queue : organization_.queues)
            extensions.insert(queue.number);
        for (const auto& route : organization_.routes) {
            extensions.insert(route.dial_pattern);
            if (route.dial_pattern == default_pattern)
                extensions.emplace(plus_pattern);
        }
        for (const auto& extension : extensions)
            text_ += fill("exten => ~E,1,Goto(~P__internal,${FILTER(0-9A-Za-z*#+,${EXTEN})},1)\n",
                          {{'E', extension}, {'P', prefix_}});
    }

    // Set on the channel to the trunk: on the caller's channel it would change src in the CDR.
    void write_caller_ids() {
        const auto& routes = organization_.routes;
        if (std::all_of(routes.begin(), routes.end(),
                        [](const auto& route) { return route.caller_id_override.empty(); }))
            return;
        begin_context("caller-id");
        for (std::size_t i = 0; i < routes.size(); ++i)
            if (!routes[i].caller_id_override.empty())
                text_ += fill("exten => ~R,1,Set(CONNECTEDLINE(num,i)=~N)\n same => n,Set(CONNECTEDLINE(name,i)=)\n"
                              " same => n,Return()\n",
                              {{'R', std::to_string(i + 1)}, {'N', routes[i].caller_id_override}});
    }

    void write_queues() {
        begin_context("queue");
        for (const auto& queue : organization_.queues)
            write_queue(queue);
    }

    void write_queue(const tenants::Queue& queue) {
        mark_point("queue", queue.number, queue.recording_enabled, "on the caller, until an agent answers");
        begin_extension(queue.number);
        count_call();
        add_step("Answer()");
        // A caller may have been transferred from another queue.
        call_recorder("disarm");
        ask_caller(point_id(queue));
        start_recording("queue-" + queue.number, point_id(queue));
        call_recorder("arm");
        add_step("Set(__PBX_QUEUED=1)");
        const auto wait = queue.max_wait_time > 0 ? ",,," + std::to_string(queue.max_wait_time) : std::string{};
        // Never option I: it would keep the connected-line hook of the caller's channel from running at the answer.
        add_step(R"(Queue(~Q,t${IF($["x${PBX_OUTSIDE}"="x"]?T)}~W))", {{'Q', queue.asterisk_queue_name}, {'W', wait}});
        if (!queue.timeout_destination_type.empty()) {
            add_step("Set(__PBX_QUEUED=)");
            call_recorder("disarm");
            call_recorder("next");
            go_to(queue.timeout_destination_type, queue.timeout_destination);
        } else {
            add_step("Hangup()");
        }
    }

    const Plan& plan_;
    const tenants::Organization& organization_;
    const std::string& prefix_;
    const Machine& machine_;
    bool limited_;
    std::string text_;
};

} // namespace

std::string extensions_text(const Plan& plan, const Machine& machine) {
    return DialplanWriter{plan, machine}.text();
}

std::string_view spool_fault(std::string_view spool) {
    if (spool.empty() || spool.front() != '/')
        return "it is not an absolute path";
    if (!consists_of(spool, "0-9A-Za-z_./-", 120))
        return "the dialplan can hold only letters, digits and _ . / - of it, and at most 120";
    return {};
}

std::string first_line(const Plan& plan) {
    return std::string{ours} + "organization \"" + harmless(plan.organization.name) +
           "\". Changes made here are lost.\n";
}

bool is_ours(std::string_view text) {
    return text.starts_with(ours);
}

} // namespace pbx::dialplan

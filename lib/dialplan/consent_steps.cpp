// One party of a call is asked, once: the caller at a DID and at a queue, and otherwise the party that answers. A
// caller from outside who was not asked is asked at an extension or a route. Asterisk's behaviour was measured:
// docs/asterisk.md.
#include "dialplan/consent_steps.hpp"

#include "dialplan/policy.hpp"
#include "dialplan/text.hpp"

#include <algorithm>

namespace pbx::dialplan {

namespace {

// Mark for fill(): ~E the emergency numbers, as a regular expression.
//
// PBX_CONSENT is the answer of the call: 1 or 0, whether it may be recorded, and the text for its CDR rows. Channels
// that are dialled inherit it. A channel that answers gets its answer itself, and gives it to the caller's channel
// (PBX_CALLER) as a SHARED variable: that channel stays in the call when the other one transfers it. Both end with
// their channels.
//
// answerer: where the caller's channel is gone, another one has taken its place (a transfer while the phone rang), and
// nobody knows who will be on the line.
//
// joined: an attended transfer joins two calls, each with an answer of its own. Neither counts for the other call: the
// recording continues only if the other side has agreed in its call. Our own phones need not agree, since they are not
// asked when they call. BRIDGEPEER is right only after again's Wait().
constexpr std::string_view steps =
    R"(; known(prefix): the answer of this call, if it has one, and its CDR row
exten => known,1,ExecIf($["x${PBX_CONSENT}"="x"]?Set(__PBX_CONSENT=${SHARED(PBX_CONSENT)}))
 same => n,GotoIf($["x${PBX_CONSENT}"!="x" | ${DIALPLAN_EXISTS(${ARG1}__consent,notice,1)}=0]?row,1)
 same => n,Gosub(${ARG1}__consent,notice,1)
 same => n,ExecIf($["${GOSUB_RETVAL}"="external"]?Set(__PBX_CONSENT=1external))
 same => n,Goto(row,1)
; row: a CDR row that began has no variables yet
exten => row,1,ExecIf($["x${PBX_CONSENT}"!="x"]?Set(CDR(recording_consent)=${PBX_CONSENT:1}))
 same => n,Return()
; permitted(prefix): returns 0 if this call must not be recorded, or has no answer where it needs one
exten => permitted,1,Gosub(pbx-recorder,known,1(${ARG1}))
 same => n,Return($["${PBX_CONSENT:0:1}"="1" | ("x${PBX_CONSENT}"="x" & ${DIALPLAN_EXISTS(${ARG1}__consent,notice,1)}=0)])
; consent(organization,point): for an operator's own contexts: asks this channel, if policy wants a recording there
exten => consent,1,Gosub(decide,1(${ARG1},${ARG2}))
 same => n,Gosub(pbx-recorder,ask,1(${PBX_PREFIX},${DIALPLAN_EXISTS(${PBX_PREFIX}__policy,${PBX_POINT},1)}))
 same => n,Return()
; ask(prefix,wanted): plays the notice to this channel if it is wanted and the call has no answer yet, and then returns 1
exten => ask,1,Gosub(pbx-recorder,known,1(${ARG1}))
 same => n,GotoIf($["${ARG2}"!="1" | "x${PBX_CONSENT}"!="x" | "${CHANNEL(channeltype)}"="Local"]?no)
 same => n,GotoIf($[${DIALPLAN_EXISTS(${ARG1}__consent,notice,1)}=0]?no)
 same => n,Gosub(pbx-recorder,notice,1(${ARG1}))
 same => n,Return(1)
 same => n(no),Return(0)
; calling(prefix,point,number dialled,number sent): before this channel rings somebody. Who answers is asked, unless the
; caller is from outside. Nobody is asked in an emergency.
exten => calling,1,Gosub(pbx-recorder,known,1(${ARG1}))
 same => n,ExecIf($["${CHANNEL(channeltype)}"!="Local"]?Set(__PBX_CALLER=${CHANNEL}))
 same => n,Set(__PBX_ASKS=nobody)
 same => n,GotoIf($[${REGEX("^(~E)$" ${ARG3})} | ${REGEX("^(~E)$" ${ARG4})}]?done)
 same => n,GotoIf($["x${PBX_OUTSIDE}"!="x"]?outside)
 same => n,Set(__PBX_ASKS=answerer)
 same => n(done),Return()
 same => n(outside),Gosub(pbx-recorder,ask,1(${ARG1},${DIALPLAN_EXISTS(${ARG1}__policy,${ARG2},1)}))
 same => n,Return()
; answerer(prefix,point): this channel has answered a call that will be recorded
exten => answerer,1,Gosub(pbx-recorder,known,1(${ARG1}))
 same => n,GotoIf($["x${PBX_CONSENT}"!="x" | ${DIALPLAN_EXISTS(${ARG1}__consent,notice,1)}=0]?done)
 same => n,GotoIf($[${DIALPLAN_EXISTS(${ARG1}__policy,${ARG2},1)}=0]?done)
 same => n,GotoIf($["${PBX_ASKS}"="nobody" | "x${PBX_ASKS}${PBX_OUTSIDE}"="x1"]?nobody)
 same => n,GotoIf($["x${PBX_CALLER}"="x"]?unknown)
 same => n,GotoIf($["x${IMPORT(${PBX_CALLER},CHANNEL(uniqueid))}"="x"]?nobody)
 same => n,Gosub(pbx-recorder,notice,1(${ARG1}))
 same => n,ExecIf($["x${IMPORT(${PBX_CALLER},CHANNEL(uniqueid))}"!="x"]?Set(SHARED(PBX_CONSENT,${PBX_CALLER})=${PBX_CONSENT}))
 same => n(done),Return()
 same => n(unknown),Gosub(pbx-recorder,notice,1(${ARG1}))
 same => n,Return()
 same => n(nobody),Set(__PBX_CONSENT=0no-answer)
 same => n,Goto(row,1)
; notice(prefix): plays the notice to this channel, and keeps the answer. Who hangs up before it ends has declined.
exten => notice,1,Set(CDR(recording_consent)=declined)
 same => n,Gosub(${ARG1}__consent,notice,1)
 same => n,Set(LOCAL(mode)=${CUT(GOSUB_RETVAL,:,1)})
 same => n,Set(LOCAL(sound)=${CUT(GOSUB_RETVAL,:,2)})
 same => n,Answer()
 same => n,GotoIf($["${mode}"="announcement"]?announcement)
 same => n,Read(PBX_KEY,${sound},1,,1,5)
 same => n,GotoIf($["${READSTATUS}"="ERROR"]?unheard)
 same => n,Set(LOCAL(answer)=${IF($["${PBX_KEY}"="${IF($["${mode}"="opt_out"]?2:1)}"]?yes:no)})
 same => n,Set(LOCAL(answer)=${IF($["${mode}-${answer}"="opt_out-no" | "${mode}-${answer}"="opt_in-yes"]?1granted:0declined)})
 same => n,ExecIf($["x${PBX_KEY}"="x"]?Set(LOCAL(answer)=${answer:0:1}no-answer))
 same => n,ExecIf($["${READSTATUS}"="HANGUP"]?Set(LOCAL(answer)=0declined))
 same => n,Goto(keep)
 same => n(announcement),Playback(${sound})
 same => n,Set(LOCAL(answer)=1announced)
 same => n,GotoIf($["${PLAYBACKSTATUS}"="SUCCESS"]?keep)
 same => n(unheard),Set(LOCAL(answer)=0)
 same => n,Log(ERROR,pbx-recorder: the sound ${sound} cannot be played to calls of ${ARG1}: they are not recorded)
 same => n(keep),Set(__PBX_CONSENT=${answer})
 same => n,Goto(row,1)
; joined: returns 0 if somebody on the line must not be recorded
exten => joined,1,Gosub(pbx-recorder,permitted,1(${PBX_PREFIX}))
 same => n,GotoIf($[${GOSUB_RETVAL}=0]?no)
 same => n,Set(LOCAL(number)=0)
 same => n(next),Set(LOCAL(number)=$[${number}+1])
 same => n,Set(LOCAL(other)=${CUT(BRIDGEPEER,\,,${number})})
 same => n,GotoIf($["x${other}"="x"]?yes)
 same => n,Set(LOCAL(answer)=${IMPORT(${other},PBX_CONSENT)}${IMPORT(${other},SHARED(PBX_CONSENT))})
 same => n,GotoIf($["${answer:0:1}"="1"]?next)
 same => n,GotoIf($["x${answer}"!="x"]?no)
 same => n,GotoIf($["${PBX_CONSENT:1}"="" | "${PBX_CONSENT:1}"="external"]?next)
 same => n,GotoIf($["${IMPORT(${other},TRANSFER_CONTEXT):-10}"="__transfer"]?next)
 same => n(no),Return(0)
 same => n(yes),Return(1)
)";

// The names of the files in sounds/.
constexpr std::string_view shipped = "consent-";

// Whether a recording can begin at the points that a call reaches from a DID or queue without a transfer.
class Reach {
  public:
    explicit Reach(const Plan& plan) : plan_{plan} {}

    bool records(const tenants::Did& did) const {
        return allowed(did.recording_enabled) || records(did.routing_type, did.routing_destination, most_queues);
    }

    bool records(const tenants::Queue& queue) const { return records(queue, most_queues); }

  private:
    // Callers may overflow from one queue into the next.
    static constexpr int most_queues = 10;

    bool allowed(tenants::RecordingFlag row) const { return allows(plan_.organization.recording_enabled, row); }

    bool records(const tenants::Queue& queue, int depth) const {
        const auto& members = queue.members;
        return allowed(queue.recording_enabled) ||
               std::any_of(members.begin(), members.end(),
                           [&](const auto& member) {
                               const auto* user = plan_.user_by_id(member.user_id);
                               return user != nullptr && allowed(user->recording_enabled);
                           }) ||
               records(queue.timeout_destination_type, queue.timeout_destination, depth - 1);
    }

    bool records(std::string_view type, std::string_view destination, int depth) const {
        const auto& routes = plan_.organization.routes;
        if (type == "external")
            return std::any_of(routes.begin(), routes.end(),
                               [&](const auto& route) { return allowed(route.recording_enabled); });
        const auto* user = type == "extension" ? plan_.user(destination) : nullptr;
        const auto* queue = type == "queue" && depth > 0 ? plan_.queue(destination) : nullptr;
        return (user != nullptr && allowed(user->recording_enabled)) || (queue != nullptr && records(*queue, depth));
    }

    const Plan& plan_;
};

} // namespace

std::string consent_steps(const Machine& machine) {
    return fill(steps, {{'E', pattern_of(machine.emergency)}});
}

std::string notice_of(const Consent& consent, const Machine& machine) {
    if (!has_notice(consent.mode))
        return {};
    if (!consent.prompt.empty())
        return consent.prompt;
    auto name = std::string{word_of(consent.mode)};
    std::replace(name.begin(), name.end(), '_', '-');
    return machine.sounds + '/' + std::string{shipped} + name;
}

std::string consent_context(const Plan& plan, const Machine& machine) {
    const auto& organization = plan.organization;
    if (plan.consent.mode == ConsentMode::none || !organization.recording_enabled.value_or(true))
        return {};
    const auto notice = notice_of(plan.consent, machine);
    auto text =
        fill("\n; Who is asked before a call is recorded, and with which sound\n"
             "[~P__consent]\n"
             "exten => notice,1,Return(~M~S)\n",
             {{'P', plan.prefix()}, {'M', word_of(plan.consent.mode)}, {'S', notice.empty() ? notice : ':' + notice}});
    const auto add = [&](const auto& row) {
        if (has_notice(plan.consent.mode) && Reach{plan}.records(row))
            text += fill("exten => ~N,1,Return()\n", {{'N', point_id(row)}});
    };
    std::for_each(organization.dids.begin(), organization.dids.end(), add);
    std::for_each(organization.queues.begin(), organization.queues.end(), add);
    return text;
}

} // namespace pbx::dialplan

// Asterisk's behaviour that these subroutines work around was measured: docs/asterisk.md.
#include "dialplan/fixed_contexts.hpp"

#include "dialplan/text.hpp"

#include <string_view>

namespace pbx::dialplan {

namespace {

// The caller's own number may be anything; the number of the DID routes the call.
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

// A number that nothing else matches. The patterns leave out single letters, of which Asterisk gives several a meaning
// of their own. Cause 3: no route to the destination.
constexpr std::string_view none = R"(
; Numbers that nothing else matches: refused, with a CDR row.
[~P__none]
exten => _[!-}].,1,Set(CHANNEL(accountcode)=~A)
 same => n,Hangup(3)
exten => _[0-9*#+],1,Set(CHANNEL(accountcode)=~A)
 same => n,Hangup(3)

; Text messages outside of calls: empty, so that they are refused.
[~P__message]
)";

// Asterisk joins sections of one name in extensions.conf. Without these, it would warn of an include that does not
// exist.
constexpr std::string_view own = R"(
; The operator's own numbers: for the organization's phones, and for calls from outside. What sections with these names
; contain in extensions.conf is added.
[~P__own]

[~P__own_incoming]
)";

// Marks: ~N the limit, ~E the emergency numbers. A channel that was called continues a call when the caller transfers
// it: after a blind transfer it passes an extension, and takes the place of the channel that leaves. An attended
// transfer is noticed by the connected-line hook (carry): one of the two remaining channels takes the place, unless
// one of them has it.
//
// Cause 34 (no circuit available) becomes 503 in SIP and CONGESTION in the CDR row. 42 would be 503 as well, but FAILED
// in the row.
constexpr std::string_view calls = R"(
; limits.max_channels. The group holds one channel per call: the one that brought it in, or that continues it after a
; transfer. Local channels are parts of a call that is already counted.
; in(number dialled, number sent): counts a call, and refuses it above the limit unless it is an emergency call
; carry: counts the channel that continues a call after a transfer
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

; For Dial's option U: runs on the channel that answered
[~P__calls-up]
exten => s,1,ExecIf($["${CHANNEL(channeltype)}"!="Local"]?Set(CONNECTED_LINE_SEND_SUB=~P__calls,carry,1))
 same => n,Return()
)";

} // namespace

std::string incoming_context(const Plan& plan) {
    return fill(incoming, {{'P', plan.prefix()}});
}

std::string fallback_contexts(const Plan& plan) {
    return fill(none, {{'P', plan.prefix()}, {'A', plan.accountcode()}});
}

std::string own_contexts(const Plan& plan) {
    return fill(own, {{'P', plan.prefix()}});
}

bool is_own_context(std::string_view context, std::string_view prefix) {
    return context.starts_with(prefix) && context.substr(prefix.size()).starts_with("__own");
}

std::string call_limit_contexts(const Plan& plan, const Machine& machine) {
    if (plan.max_channels == 0)
        return {};
    const auto limit = std::to_string(plan.max_channels);
    return fill(calls, {{'P', plan.prefix()}, {'N', limit}, {'E', pattern_of(machine.emergency)}});
}

} // namespace pbx::dialplan

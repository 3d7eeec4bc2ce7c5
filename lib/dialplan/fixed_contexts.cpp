// Asterisk's behaviour that these subroutines work around was measured: docs/asterisk.md.
#include "dialplan/fixed_contexts.hpp"

#include "dialplan/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

namespace pbx::dialplan {

namespace {

// Marks for fill(): ~P the prefix, ~S the spool, ~C and ~U what a limit adds, ~N "-" and the node's name, if it has
// one.
//
// start: ARG1 is the last part of the file's name before the node, ARG2 the caller, if that is not the channel's own
// caller ID. The name must not be that of another recording. The time is UTC, since local time repeats an hour in
// autumn; the node separates machines; GROUP_COUNT finds a name that another channel uses at this moment, STAT one that
// is on disk. The caller ID comes from the network, and FILTER leaves letters and digits of it. A unique id is
// [systemname-]epoch.sequence, and the system name may contain anything.
//
// again: Asterisk decodes for all recorders of a channel in one place, where it drops RTP packets whose sequence
// numbers are lower than the last one's. After an attended transfer those of the new party are lower half of the time.
// Stopping the channel's last recorder resets that place at the next frame: the pause is for that frame.
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
; stop: ends the recording on this channel. A channel that answered a call and was then transferred still has that call's
; file in its CDR variables, where it would hide the next file. It has no CDR row yet, so ResetCDR removes nothing else.
exten => stop,1,StopMixMonitor()
 same => n,ExecIf($["${PBX_ANSWERER}"="1"]?ResetCDR())
 same => n,Set(PBX_ANSWERER=)
 same => n,Set(CONNECTED_LINE_SEND_SUB=)
 same => n,Return()
; again: another party is on the line after an attended transfer; the recording continues in the same file
exten => again,1,StopMixMonitor()
 same => n,Wait(0.1)
 same => n,MixMonitor(~S/${PBX_FILE},a)
~C same => n,Return()
; next: ends the recording and its leg, which gets a CDR row of its own; the call continues
exten => next,1,StopMixMonitor()
 same => n,ForkCDR(er)
 same => n,Return()
; arm: the recording will end when the side that this channel waits for answers
exten => arm,1,Set(SHARED(PBX_ANSWERED)=)
 same => n,Set(__PBX_WAITING=${CHANNEL})
 same => n,Set(CONNECTED_LINE_SEND_SUB=~P__rec,answered,1)
 same => n,Return()
; disarm: nobody answered
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
; nobody: a call that ends at once and leaves no CDR row
exten => nobody,1,Set(CDR_PROP(disable)=1)
 same => n,Hangup()

; For Dial's option U(tag^caller^waiting channel): runs on the channel that answered. Without a tag nothing is recorded
; here, but the recording of the waiting channel ends. The other half of a Local channel has a leg of its own.
[~P__rec-up]
exten => s,1,ExecIf($["x${ARG3}"!="x"]?Set(SHARED(PBX_ANSWERED,${ARG3})=1))
~U same => n,GotoIf($["x${ARG1}"="x" | "${CHANNEL(channeltype)}"="Local"]?done)
 same => n,Set(PBX_ANSWERER=1)
 same => n,Gosub(~P__rec,start,1(${ARG1},${IF($["x${ARG2}"="x"]?anonymous:${ARG2})}))
 same => n,Set(CONNECTED_LINE_SEND_SUB=~P__rec,again,1)
 same => n(done),Return()
)";

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

std::string recorder_contexts(const Plan& plan, const Machine& machine) {
    const auto node = machine.node.empty() ? std::string{} : '-' + machine.node;
    std::string carry;
    std::string up;
    if (plan.max_channels > 0) {
        carry = fill(" same => n,Gosub(~P__calls,carry,1)\n", {{'P', plan.prefix()}});
        up = fill(" same => n,Gosub(~P__calls-up,s,1)\n", {{'P', plan.prefix()}});
    }
    return fill(recorder, {{'P', plan.prefix()}, {'S', machine.spool}, {'N', node}, {'C', carry}, {'U', up}});
}

std::string incoming_context(const Plan& plan) {
    return fill(incoming, {{'P', plan.prefix()}});
}

std::string fallback_contexts(const Plan& plan) {
    return fill(none, {{'P', plan.prefix()}, {'A', plan.accountcode()}});
}

std::string call_limit_contexts(const Plan& plan, const Machine& machine) {
    if (plan.max_channels == 0)
        return {};
    const auto limit = std::to_string(plan.max_channels);
    const auto emergency = fmt::format("{}", fmt::join(machine.emergency, "|")); // a regular expression
    return fill(calls, {{'P', plan.prefix()}, {'N', limit}, {'E', emergency}});
}

} // namespace pbx::dialplan

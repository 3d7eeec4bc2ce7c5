// Asterisk's behaviour that these subroutines work around was measured: docs/asterisk.md.
#include "dialplan/recorder.hpp"

#include "dialplan/consent_steps.hpp"
#include "dialplan/device_steps.hpp"
#include "dialplan/text.hpp"

namespace pbx::dialplan {

namespace {

// Marks for fill(): ~S the spool, ~H the folder for halves in it, ~N "-" and the node's name, if it has one, ~C the
// consent_steps(), ~D the device_steps().
//
// start: ARG1 is the last part of the file's name before the node, ARG2 the caller, if that is not the channel's own
// caller ID, ARG3 the organization's prefix, ARG4 the point that decides, ARG5 "called" on the channel that answered.
// The name must not be that of another recording. The time is UTC, since local time repeats an hour in autumn; the node
// separates machines; GROUP_COUNT finds a name that another channel uses at this moment, "taken" one that is on disk.
// The caller ID comes from the network, and FILTER leaves letters and digits of it. A unique id is
// [systemname-]epoch.sequence, and the system name may contain anything.
//
// form: a recording in two channels, or with 16,000 samples per second, goes into the folder ~H, and pbx-stitch makes a
// leg of it. MixMonitor creates that folder, writes what this channel sends into the file of "r" and what
// it hears into that of "t", and knows 16,000 samples per second as wav16. PBX_MONITOR, its arguments before a last
// option, stays as it is until the leg ends, even if the policy changes.
//
// again: Asterisk decodes for all recorders of a channel in one place, where it drops RTP packets whose sequence
// numbers are lower than the last one's. After an attended transfer those of the new party are lower half of the time.
// Stopping the channel's last recorder resets that place at the next frame: the wait is for that frame.
//
// paused: pbx-record writes pbx-pause/CALL into the AstDB before it looks for recorders, and a recorder asks after its
// MixMonitor. So either that entry is found here, or pbx-record finds the recorder. What begins during a pause leaves
// an empty file, which its CDR row can name only now: no audio reaches a channel while it runs these steps. CALL is the
// call's linkedid without the system name. pbx-held/CALL/CHANNEL has the arguments of MixMonitor with which pbx-record
// resumes. An AstDB that cannot be read looks like one without entries; but where a channel of the call is in the group
// pbx-pause, pbx-watched/CALL exists.
//
// with: a phone that has a paused call on hold may consult somebody, and then join both calls. So the recorder of the
// consultation waits for the end of the pause as well.
//
// The subroutines about consent are in consent_steps.cpp, that about devices is in device_steps.cpp.
constexpr std::string_view recorder =
    R"(; Written by pbx-dialplan-gen for all organizations. Changes made here are lost.
[pbx-recorder]
; start(tag,caller,prefix,point,side): records this channel into a file of its own, if policy wants that at this moment
exten => start,1,Gosub(close,1)
 same => n,GotoIf($[${DIALPLAN_EXISTS(${ARG3}__policy,${ARG4},1)}=0]?off)
 same => n,Gosub(pbx-recorder,permitted,1(${ARG3}))
 same => n,GotoIf($[${GOSUB_RETVAL}=0]?off)
 same => n,Set(PBX_PREFIX=${ARG3})
 same => n,Set(PBX_POINT=${ARG4})
 same => n,Set(LOCAL(src)=${FILTER(0-9A-Za-z,${CALLERID(num)})})
 same => n,ExecIf($["x${ARG2}"!="x"]?Set(LOCAL(src)=${FILTER(0-9A-Za-z,${ARG2})}))
 same => n,Set(LOCAL(src)=${IF($["x${src}"="x"]?anonymous:${src:0:32})})
 same => n,Set(LOCAL(file)=${STRFTIME(${EPOCH},UTC,%Y%m%d-%H%M%S)}-${src}-${ARG1}~N)
 same => n,Set(GROUP(pbxrec)=${file})
 same => n,Set(LOCAL(users)=${GROUP_COUNT(${file}@pbxrec)})
 same => n,Gosub(pbx-recorder,taken,1(${file}))
 same => n,GotoIf($[${users}<2 & ${GOSUB_RETVAL}=0]?free)
 same => n,Set(LOCAL(file)=${file}-${FILTER(0-9.,${CUT(UNIQUEID,-,${FIELDQTY(UNIQUEID,-)})})})
 same => n,Gosub(pbx-recorder,taken,1(${file}))
 same => n,GotoIf($[${GOSUB_RETVAL}=0]?free)
 same => n,Set(LOCAL(file)=${file}.${RAND(100000,999999)})
 same => n(free),Gosub(pbx-recorder,form,1(${file},${ARG3},${ARG5}))
 same => n,MixMonitor(${PBX_MONITOR})
 same => n,Set(CDR(recordingfile)=${file}.wav)
 same => n,Set(PBX_FILE=${file}.wav)
 same => n,Gosub(pbx-recorder,paused,1)
 same => n(off),Return()
; taken(name): returns how many files on disk have this name, or will be made into one that has it
exten => taken,1,Set(LOCAL(halves)=$[${STAT(e,~H/${ARG1}.caller.wav)}+${STAT(e,~H/${ARG1}.called.wav)}])
 same => n,Set(LOCAL(wide)=$[${STAT(e,~H/${ARG1}.caller.wav16)}+${STAT(e,~H/${ARG1}.called.wav16)}])
 same => n,Return($[${halves}+${wide}+${STAT(e,~H/${ARG1}.wav16)}+${STAT(e,~S/${ARG1}.wav)}])
; form(name,prefix,side): sets the arguments of MixMonitor
exten => form,1,Set(LOCAL(type)=${IF($[${DIALPLAN_EXISTS(${ARG2}__policy,rate-16000,1)}]?wav16:wav)})
 same => n,Set(PBX_MONITOR=${IF($["${type}"="wav"]?~S:~H)}/${ARG1}.${type},)
 same => n,GotoIf($[${DIALPLAN_EXISTS(${ARG2}__policy,channels-2,1)}=0]?done)
 same => n,Set(LOCAL(sent)=~H/${ARG1}.${IF($["${ARG3}"="called"]?called:caller)}.${type})
 same => n,Set(LOCAL(heard)=~H/${ARG1}.${IF($["${ARG3}"="called"]?caller:called)}.${type})
 same => n,Set(PBX_MONITOR=,r(${sent})t(${heard}))
 same => n(done),Return()
; stop: ends the recording on this channel. A channel that answered a call and was then transferred still has that call's
; file in its CDR variables, where it would hide the next file. It has no CDR row yet, so ResetCDR removes nothing else.
exten => stop,1,Gosub(close,1)
 same => n,Gosub(pbx-recorder,with,1)
 same => n,ExecIf($["${PBX_ANSWERER}"="1"]?ResetCDR())
 same => n,Gosub(pbx-recorder,row,1)
 same => n,Set(PBX_ANSWERER=)
 same => n,Set(CONNECTED_LINE_SEND_SUB=)
 same => n,Return()
; close: stops the recorder. A leg that "record" began gets a CDR row of its own: without one it would hide the next leg
exten => close,1,StopMixMonitor()
 same => n,Set(PBX_FILE=)
 same => n,Gosub(pbx-recorder,forget,1)
 same => n,ExecIf($["${PBX_OPEN}"="1"]?ForkCDR(er))
 same => n,Gosub(pbx-recorder,row,1)
 same => n,Set(PBX_OPEN=)
 same => n,Return()
; again: another party is on the line after an attended transfer; the recording continues in the same file
exten => again,1,StopMixMonitor()
 same => n,Gosub(pbx-recorder,forget,1)
 same => n,GotoIf($[${DIALPLAN_EXISTS(${PBX_PREFIX}__policy,${PBX_POINT},1)}=0]?carry)
 same => n,Gosub(pbx-recorder,paused,1)
 same => n,GotoIf(${GOSUB_RETVAL}?carry)
 same => n,Wait(0.1)
 same => n,Gosub(pbx-recorder,joined,1)
 same => n,GotoIf($[${GOSUB_RETVAL}=0]?carry)
 same => n,MixMonitor(${IF($["x${PBX_MONITOR}"="x"]?~S/${PBX_FILE},:${PBX_MONITOR})}a)
 same => n,Gosub(pbx-recorder,paused,1)
 same => n(carry),GosubIf($[${DIALPLAN_EXISTS(${PBX_PREFIX}__calls,carry,1)}]?${PBX_PREFIX}__calls,carry,1)
 same => n,Return()
; next: ends the recording and its leg, which gets a CDR row of its own; the call continues
exten => next,1,StopMixMonitor()
 same => n,Set(PBX_FILE=)
 same => n,Gosub(pbx-recorder,forget,1)
 same => n,ForkCDR(er)
 same => n,Gosub(pbx-recorder,row,1)
 same => n,Return()
; arm: the recording will end when the side that this channel waits for answers
exten => arm,1,GotoIf($["x${PBX_FILE}"="x"]?none)
 same => n,Set(SHARED(PBX_ANSWERED)=)
 same => n,Set(__PBX_WAITING=${CHANNEL})
 same => n,Set(CONNECTED_LINE_SEND_SUB=pbx-recorder,answered,1)
 same => n(none),Return()
; disarm: nobody answered
exten => disarm,1,Set(__PBX_WAITING=)
 same => n,Set(CONNECTED_LINE_SEND_SUB=)
 same => n,Set(SHARED(PBX_ANSWERED)=)
 same => n,Goto(stop,1)
exten => answered,1,GotoIf($["${SHARED(PBX_ANSWERED)}"!="1"]?done)
 same => n,StopMixMonitor()
 same => n,Gosub(pbx-recorder,forget,1)
 same => n,Set(SHARED(PBX_ANSWERED)=)
 same => n,Set(__PBX_WAITING=)
 same => n,Set(CONNECTED_LINE_SEND_SUB=)
 same => n(done),Return()
; record(organization,point,name,caller): for an operator's own contexts, see pbx-dialplan-gen(1). "stop" ends the leg
exten => record,1,Gosub(stop,1)
 same => n,Gosub(decide,1(${ARG1},${ARG2},${ARG3}))
 same => n,Set(LOCAL(name)=${GOSUB_RETVAL})
 same => n,Gosub(pbx-recorder,ask,1(${PBX_PREFIX},${DIALPLAN_EXISTS(${PBX_PREFIX}__policy,${PBX_POINT},1)}))
 same => n,Gosub(start,1(${name},${FILTER(0-9A-Za-z,${ARG4})},${PBX_PREFIX},${PBX_POINT}))
 same => n,GotoIf($["x${PBX_FILE}"="x"]?done)
 same => n,Set(PBX_OPEN=1)
 same => n,Set(CONNECTED_LINE_SEND_SUB=pbx-recorder,again,1)
 same => n(done),Return()
; decide(organization,point,name): sets the call's account and who decides about its recording, and returns the name. A
; point that does not exist leaves it to the organization. A call of an organization that does not exist is recorded.
exten => decide,1,Set(PBX_PREFIX=${FILTER(0-9a-z_,${ARG1})})
 same => n,Set(PBX_POINT=${FILTER(0-9A-Za-z-,${ARG2})})
 same => n,Set(LOCAL(name)=${FILTER(0-9A-Za-z-,${ARG3}):0:32})
 same => n,Set(LOCAL(name)=${IF($["x${name}"="x"]?call:${name})})
 same => n,GotoIf($[${DIALPLAN_EXISTS(${PBX_PREFIX}__account,s,1)}]?known)
 same => n,Set(PBX_POINT=${IF($[${DIALPLAN_EXISTS(pbx-recorder__policy,inactive-${PBX_PREFIX},1)}]?never:always)})
 same => n,GotoIf($["x${PBX_PREFIX}"="x"]?nobodys)
 same => n,TryExec(Log(WARNING,pbx-recorder: no active organization has the prefix ${PBX_PREFIX}. Its calls are ${PBX_POINT} recorded))
 same => n(nobodys),Set(PBX_PREFIX=pbx-recorder)
 same => n,Return(${name})
 same => n(known),Gosub(${PBX_PREFIX}__account,s,1)
 same => n,GotoIf($[${DIALPLAN_EXISTS(${PBX_PREFIX}__policy,${PBX_POINT},1)}]?done)
 same => n,GotoIf($[${DIALPLAN_EXISTS(${PBX_PREFIX}__policy,off-${PBX_POINT},1)}]?done)
 same => n,Set(PBX_POINT=organization)
 same => n(done),Return(${name})
; count(organization): for an operator's own contexts: limits.max_channels counts the call, and refuses it above the limit
exten => count,1,Set(LOCAL(prefix)=${FILTER(0-9a-z_,${ARG1})})
 same => n,GosubIf($[${DIALPLAN_EXISTS(${prefix}__calls,in,1)}]?${prefix}__calls,in,1(,))
 same => n,Return()
; nobody: a call that ends at once and leaves no CDR row
exten => nobody,1,Set(CDR_PROP(disable)=1)
 same => n,Hangup()
; paused: returns 1, and keeps the recorder of PBX_FILE for later, while pbx-record has paused the call
exten => paused,1,Gosub(pbx-recorder,call,1(${CHANNEL(linkedid)}))
 same => n,Set(LOCAL(call)=${GOSUB_RETVAL})
 same => n,GotoIf($[${DB_EXISTS(pbx-pause/${call})}=1]?yes)
 same => n,GotoIf($[${GROUP_COUNT(${call}@pbx-pause)}>0 & ${DB_EXISTS(pbx-watched/${call})}=0]?unread)
 same => n,Set(LOCAL(call)=${IF($["x${PBX_WITH}"="x"]?${GROUP(pbx-pause)}:${PBX_WITH})})
 same => n,GotoIf($["x${call}"="x"]?no)
 same => n,GotoIf($[${DB_EXISTS(pbx-pause/${call})}=1]?yes)
 same => n(no),Return(0)
 same => n(unread),Log(ERROR,The recording of call ${call} stays paused: the AstDB cannot be read)
 same => n(yes),StopMixMonitor()
 same => n,Set(GROUP(pbx-pause)=${call})
 same => n,Gosub(pbx-recorder,call,1(${UNIQUEID}))
 same => n,Set(DB(pbx-held/${call}/${GOSUB_RETVAL})=${IF($["x${PBX_MONITOR}"="x"]?~S/${PBX_FILE},:${PBX_MONITOR})})
 same => n,Set(LOCAL(since)=${DB(pbx-pause/${call})})
 same => n,Set(LOCAL(since)=${DB(pbx-paused/${call})}${CUT(since,-,2)}-)
 same => n,Set(CDR(recording_paused)=${since})
 same => n,Return(1)
; call(linkedid or unique id): returns it without the system name, which may contain anything
exten => call,1,Set(LOCAL(id)=${ARG1})
 same => n,Return(${FILTER(0-9.,${CUT(id,-,${FIELDQTY(id,-)})})})
; forget: the leg of a recorder that waits for the end of a pause is over
exten => forget,1,GotoIf($["x${GROUP(pbx-pause)}"="x"]?done)
 same => n,Gosub(pbx-recorder,call,1(${UNIQUEID}))
 same => n,Set(LOCAL(gone)=${DB_DELETE(pbx-held/${GROUP(pbx-pause)}/${GOSUB_RETVAL})})
 same => n(done),Return()
; with: marks the channels of a call that is paused, and of a consultation by a phone that has a paused call
exten => with,1,Set(__PBX_WITH=)
 same => n,Gosub(pbx-recorder,call,1(${CHANNEL(linkedid)}))
 same => n,ExecIf($[${DB_EXISTS(pbx-pause/${GOSUB_RETVAL})}=1]?Set(GROUP(pbx-pause)=${GOSUB_RETVAL}))
 same => n,GotoIf($["${TRANSFER_CONTEXT:-10}"!="__transfer"]?done)
 same => n,Set(GROUP(pbx-phone)=1)
 same => n,Set(LOCAL(others)=${CHANNELS(^PJSIP/${CHANNEL(endpoint)}-)})
 same => n,Set(LOCAL(number)=0)
 same => n(next),Set(LOCAL(number)=$[${number}+1])
 same => n,Set(LOCAL(other)=${CUT(others, ,${number})})
 same => n,GotoIf($["x${other}"="x"]?done)
 same => n,Gosub(pbx-recorder,call,1(${IMPORT(${other},CHANNEL(linkedid))}))
 same => n,GotoIf($[${DB_EXISTS(pbx-pause/${GOSUB_RETVAL})}=0]?next)
 same => n,Set(__PBX_WITH=${GOSUB_RETVAL})
 same => n,Set(GROUP(pbx-pause)=${GOSUB_RETVAL})
 same => n(done),Return()
; agent(pause or resume): for a feature code; see features.conf. Only one of our phones may press it.
exten => agent,1,GotoIf($["${TRANSFER_CONTEXT:-10}"!="__transfer"]?refused)
 same => n,Gosub(pbx-recorder,call,1(${UNIQUEID}))
 same => n,TrySystem(pbx-record -q ${ARG1} ${GOSUB_RETVAL})
 same => n,GotoIf($["${SYSTEMSTATUS}"!="SUCCESS"]?refused)
 same => n,Playback(beep)
 same => n,Return()
 same => n(refused),Playback(beeperr)
 same => n,Return()
~C~D
; For Dial's option U(tag^caller^waiting channel^prefix^point): runs on the channel that answered. Where policy wants no
; recording, that of the waiting channel ends all the same. The other half of a Local channel has a leg of its own.
[pbx-recorder-up]
exten => s,1,ExecIf($["x${ARG3}"!="x"]?Set(SHARED(PBX_ANSWERED,${ARG3})=1))
 same => n,GotoIf($["${CHANNEL(channeltype)}"="Local"]?done)
 same => n,GosubIf($[${DIALPLAN_EXISTS(${ARG4}__calls-up,s,1)}]?${ARG4}__calls-up,s,1)
 same => n,Gosub(pbx-recorder,answerer,1(${ARG4},${ARG5}))
 same => n,Gosub(pbx-recorder,start,1(${ARG1},${IF($["x${ARG2}"="x"]?anonymous:${ARG2})},${ARG4},${ARG5},called))
 same => n,GotoIf($["x${PBX_FILE}"="x"]?done)
 same => n,Set(PBX_ANSWERER=1)
 same => n,Set(CONNECTED_LINE_SEND_SUB=pbx-recorder,again,1)
 same => n(done),Return()

; A Local channel that watches a call which pbx-record has paused, until that call ends: one half of it stays here, the
; other one waits. When the time of a pause is up, pbx-record resumes. If that fails, nothing records. It also resumes when a
; recorder still waits although the pause has ended: an earlier run was interrupted.
[pbx-recorder-watch]
exten => _X.,1,Set(CDR_PROP(disable)=1)
 same => n,Set(CALL=${FILTER(0-9.,${EXTEN})})
 same => n,GotoIf($["${CHANNEL:-1}"="2"]?hold)
 same => n(watch),Wait(1)
 same => n,GotoIf($[${GROUP_COUNT(${CALL}@pbx-pause)}=0]?over)
 same => n,Set(UNTIL=${DB(pbx-pause/${CALL})})
 same => n,GotoIf($["x${UNTIL}"="x" & ${DB_EXISTS(pbx-watched/${CALL})}=0]?unread)
 same => n,GotoIf($["x${UNTIL}"="x" & "x${DB_KEYS(pbx-held/${CALL})}"="x"]?watch)
 same => n,GotoIf($["x${UNTIL}"!="x" & ${EPOCH}<0${CUT(UNTIL,-,1)}]?watch)
 same => n,TrySystem(pbx-record -q resume --due ${CALL})
 same => n,GotoIf($["${SYSTEMSTATUS}"="SUCCESS"]?watch)
 same => n,Log(ERROR,pbx-record cannot resume the recording of call ${CALL}: see pbx-record status ${CALL})
 same => n,Wait(5)
 same => n,Goto(watch)
 same => n(unread),Log(ERROR,The recording of call ${CALL} may stay paused: the AstDB cannot be read)
 same => n,Wait(5)
 same => n,Goto(watch)
 same => n(over),Set(GONE=${DB_DELETE(pbx-pause/${CALL})}${DB_DELETE(pbx-paused/${CALL})}${DB_DELETE(pbx-watched/${CALL})})
 same => n,DBdeltree(pbx-held/${CALL})
 same => n,Hangup()
 same => n(hold),Answer()
 same => n,Wait(86400)
 same => n,Goto(hold)

; For Dial's option U(pbx-recorder-dialled^organization^point^name) in an operator's own contexts
[pbx-recorder-dialled]
exten => s,1,Gosub(pbx-recorder,decide,1(${ARG1},${ARG2},${ARG3}))
 same => n,Set(LOCAL(caller)=${FILTER(0-9A-Za-z,${CONNECTEDLINE(num)}):0:32})
 same => n,Gosub(pbx-recorder-up,s,1(${GOSUB_RETVAL},${caller},,${PBX_PREFIX},${PBX_POINT}))
 same => n,Return()

; Calls of no organization are recorded, and those of an organization that is not active are not.
[pbx-recorder__policy]
exten => always,1,Return()
)";

} // namespace

std::string recorder_text(const Machine& machine, const std::vector<std::string>& inactive) {
    const auto node = machine.node.empty() ? std::string{} : '-' + machine.node;
    const auto halves = machine.spool + '/' + halves_folder;
    auto text =
        fill(recorder,
             {{'S', machine.spool}, {'H', halves}, {'N', node}, {'C', consent_steps(machine)}, {'D', device_steps()}});
    for (const auto& prefix : inactive)
        text += fill("exten => inactive-~P,1,Return()\n", {{'P', prefix}});
    return text;
}

bool is_recorder_context(std::string_view context) {
    return context.starts_with("pbx-recorder");
}

std::string account_context(const Plan& plan) {
    return fill("\n; The account of the call's CDR rows, for an operator's own contexts\n"
                "[~P__account]\n"
                "exten => s,1,Set(CHANNEL(accountcode)=~A)\n"
                " same => n,Return()\n",
                {{'P', plan.prefix()}, {'A', plan.accountcode()}});
}

std::string policy_context(const Plan& plan, const Machine& machine) {
    auto text = fill("\n; Where calls are recorded: the recorder asks when a call passes one of these points.\n"
                     "[~P__policy]\n",
                     {{'P', plan.prefix()}});
    if (!plan.organization.recording_enabled.value_or(true))
        return text;
    text += "exten => organization,1,Return()\n";
    if (plan.channels == 2 && machine.records_two_channels)
        text += "exten => channels-2,1,Return()\n";
    if (plan.rate == 16000)
        text += "exten => rate-16000,1,Return()\n";
    for (const auto& point : points(plan))
        text += fill("exten => ~O~N,1,Return()\n", {{'O', point.recorded ? "" : "off-"}, {'N', point.id}});
    return text;
}

} // namespace pbx::dialplan

// The one gate through which every stitched recording goes, made or served.
#include "recording/resolved_call.hpp"

#include "base/name.hpp"

#include <algorithm>
#include <utility>

namespace pbx::recording {

std::string display_name(const cdr::Call& call) {
    return shown(call.linkedid) + (call.shared ? " of account \"" + shown(call.accountcode) + "\"" : "");
}

void require_own_leg(const cdr::Call& call, const std::string& name) {
    if (std::find(call.ambiguous.begin(), call.ambiguous.end(), name) == call.ambiguous.end())
        return;
    const auto leg = "leg " + shown(name);
    const auto* const hint =
        "pbx-archive audit lists ambiguous legs; the call's other legs can be fetched one by one with "
        "pbx-recording-fetch --leg N";
    if (call.accountcode.empty())
        throw AmbiguousLeg{Exit::data, leg + " belongs to an account, and call " + display_name(call) + " has none",
                           hint};
    throw AmbiguousLeg{
        Exit::data,
        leg + " is ambiguous: more than one account claims it, by CDR rows or by the facts of the archived leg", hint};
}

std::string stitched_name(const cdr::Call& call) {
    require_safe_name(call.linkedid, "linkedid");
    auto name = call.linkedid;
    if (call.shared && !call.accountcode.empty()) {
        require_safe_name(call.accountcode, "accountcode");
        name += "." + call.accountcode;
    }
    name += ".wav";
    require_safe_name(name, "file name");
    return name;
}

ResolvedCall resolve_call(cdr::Call call, const LocalLegs& legs) {
    auto recording = stitched_name(call);
    for (const auto& name : call.ambiguous)
        require_own_leg(call, name);
    auto located = legs.find_in_spool(call);
    return {std::move(call), std::move(recording), std::move(located)};
}

} // namespace pbx::recording

// A call that was not recorded has CDR rows all the same: they, and today's policy, give the reason.
#include "recording/absence.hpp"

#include "base/name.hpp"
#include "base/output.hpp"
#include "cdr/call_query.hpp"
#include "cdr/tenants.hpp"
#include "db/organizations.hpp"
#include "db/session.hpp"
#include "dialplan/point_finder.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <version.hpp>

#include <algorithm>
#include <vector>

namespace pbx::recording {

namespace {

constexpr int absence_schema = 1;

Absent no_such_call(const std::string& name) {
    return {"no-such-call", "there is no call \"" + shown(name) + "\"",
            "a call is named by its CDR id, uniqueid or linkedid; pbx-calls lists them"};
}

struct Policy {
    bool recorded = false;
    bool opt_in = false;
};

Policy policy_of(const cdr::Journey& call, const dialplan::PointFinder& points) {
    Policy policy;
    for (const auto& row : call.rows)
        if (const auto point = points.find(row.accountcode, row.dcontext, row.dst)) {
            const bool reached = row.disposition == "ANSWERED" || point->answers;
            policy.recorded = policy.recorded || (point->recorded && reached);
            policy.opt_in = policy.opt_in || point->opt_in;
        }
    return policy;
}

Absent reason_of(const cdr::Journey& call, const Policy& policy) {
    const auto name = "call " + shown(call.linkedid);
    const bool declined = call.consent == "declined" || (policy.opt_in && call.consent == "no-answer");
    if (declined)
        return {"declined", name + " was not recorded: consent to a recording was not given",
                "pbx-calls show " + shown(call.linkedid) + " prints the answer"};
    if (call.disposition != "ANSWERED")
        return {"unanswered", name + " was not answered, so nothing was recorded"};
    if (!policy.recorded)
        return {"policy", name + " was not recorded: recording is switched off for it",
                "pbx-dialplan-gen --explain prints what is recorded, and which switch decides"};
    return {"unrecorded", name + " was answered and should have been recorded, but no CDR row names a recording",
            "pbx-archive audit lists such calls, and the recordings that no row names"};
}

} // namespace

Absent explain_absence(soci::session& session, const std::string& name, const std::optional<std::string>& account) {
    if (account && (account->empty() || !is_utf8(*account)))
        return no_such_call(name);
    const auto calls = cdr::find_journeys(session, cdr::load_tenants(session), name, account.value_or(""));
    if (calls.empty())
        return no_such_call(name);
    const dialplan::PointFinder points{db::load_organizations(session)};
    return reason_of(calls.front(), policy_of(calls.front(), points));
}

Absent not_here(const std::string& sentence) {
    return {"not-here", sentence, "legs leave for the archive every hour: set --remote or PBX_REMOTE"};
}

void print_absence(const std::string& call, const Absent& absent) {
    const nlohmann::ordered_json document{{"schema", absence_schema},
                                          {"version", version},
                                          {"call", call},
                                          {"absence", absent.state()},
                                          {"message", absent.what()},
                                          {"hint", absent.hint()},
                                          {"exit", static_cast<int>(absent.status())}};
    output::print("{}\n", document.dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
}

} // namespace pbx::recording

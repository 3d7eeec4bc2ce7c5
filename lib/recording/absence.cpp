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
#include <map>
#include <utility>

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

class Explainer {
  public:
    explicit Explainer(soci::session& session)
        : session_{session}, tenants_{cdr::load_tenants(session)}, points_{db::load_organizations(session)} {}

    /// One query for all calls that are named so; the others cost one each.
    void read_by_linkedid(const std::vector<AbsentCall>& calls) {
        std::vector<std::string> names;
        for (const auto& call : calls)
            if (is_utf8(call.name.call))
                names.push_back(call.name.call);
        for (auto& journey : cdr::find_journeys(session_, tenants_, names))
            read_.emplace(journey.linkedid, std::move(journey));
    }

    Absent explain(const AbsentCall& call) const {
        const auto& name = call.name.call;
        const auto account = call.name.account_or(call.account);
        if (call.name.contradicts(call.account) || (account && (account->empty() || !is_utf8(*account))))
            return no_such_call(name);
        const auto [first, last] = read_.equal_range(name);
        const auto own = std::find_if(
            first, last, [&](const auto& each) { return !account || each.second.accountcode == *account; });
        if (own != last)
            return reason(own->second);
        const auto found = cdr::find_journeys(session_, tenants_, name, account);
        return found.empty() ? no_such_call(name) : reason(found.front());
    }

  private:
    Absent reason(const cdr::Journey& call) const { return reason_of(call, policy_of(call, points_)); }

    soci::session& session_;
    cdr::Tenants tenants_;
    dialplan::PointFinder points_;
    std::multimap<std::string, cdr::Journey> read_; // by linkedid
};

} // namespace

std::vector<Absent> explain_absences(soci::session& session, const std::vector<AbsentCall>& calls) {
    Explainer explainer{session};
    if (calls.size() > 1)
        explainer.read_by_linkedid(calls);
    std::vector<Absent> reasons;
    reasons.reserve(calls.size());
    for (const auto& call : calls)
        reasons.push_back(explainer.explain(call));
    return reasons;
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

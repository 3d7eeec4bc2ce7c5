// An organization with one row of everything, for the tests of the dialplan.
#pragma once

#include "catch.hpp"
#include "dialplan/plan.hpp"
#include "dialplan/render.hpp"
#include "tenants/organization.hpp"

#include <algorithm>
#include <string>

namespace fixture {

inline constexpr const char* spool = "/var/spool/asterisk/monitor";

/// A time for the tests to compare with others: a smaller number is longer ago.
inline pbx::tenants::Timestamp at(long long microseconds) {
    return pbx::tenants::Timestamp{std::chrono::microseconds{microseconds}};
}

/// Extension 1001, trunk "carrier", route "out", queue 5001 with 1001 as its agent, DID 74950001 to that queue.
inline pbx::tenants::Organization organization(const std::string& prefix = "acme") {
    pbx::tenants::Organization result;
    result.id = "11111111-2222-3333-4444-555555555555";
    result.name = prefix;
    result.context_prefix = prefix;
    result.status = "active";
    result.users.push_back({"u1", "1001", "Alice", "active", "a-long-secret", "", "ext", "", {}});
    // Two organizations have two carriers.
    auto host = prefix + ".example.org";
    std::replace(host.begin(), host.end(), '_', '-');
    result.trunks.push_back({"t1t1t1t1t1", "carrier", host, 5060, "udp", "peer", "", "", "", "active", at(1)});
    result.routes.push_back({"r1", "out", "t1t1t1t1t1", "_X.", 0, "", "", 10, "active", {}});
    result.queues.push_back(
        {"q1", "5001", "Sales", "", "ringall", 15, 5, 300, "default", "", "", "active", {}, {{"u1", 0, false}}});
    result.dids.push_back({"d1", "74950001", "queue", "5001", "active", {}});
    return result;
}

/// The plan of the only organization, all of whose rows must be valid.
inline pbx::dialplan::Plan plan(const pbx::tenants::Organization& organization,
                                const pbx::dialplan::Rules& rules = {}) {
    auto checked = pbx::dialplan::check({organization}, rules);
    for (const auto& refusal : checked.refusals)
        FAIL(refusal.row << ": " << refusal.fault);
    REQUIRE(checked.plans.size() == 1);
    return std::move(checked.plans.front());
}

inline std::string extensions(const pbx::tenants::Organization& organization, const pbx::dialplan::Rules& rules = {}) {
    return pbx::dialplan::extensions_text(plan(organization, rules), {spool, ""});
}

/// The lines of one extension: from "exten => NAME," to the next extension, context or comment.
inline std::string extension(const std::string& text, const std::string& context, const std::string& name) {
    const auto section = text.find("\n[" + context + "]\n");
    const auto begin = text.find("exten => " + name + ",1,", section);
    if (section == std::string::npos || begin == std::string::npos)
        return {};
    if (const auto next = text.find("\n[", section + 1); next != std::string::npos && next < begin)
        return {};
    auto end = text.find('\n', begin) + 1;
    while (text.compare(end, 8, " same =>") == 0)
        end = text.find('\n', end) + 1;
    return text.substr(begin, end - begin);
}

} // namespace fixture

// extensions.cpp writes these contexts. An included context does not appear in a CDR row: what a phone dials is in
// "internal", whether it is an extension, a queue or an outside number.
#include "dialplan/point_finder.hpp"

#include "dialplan/consent.hpp"
#include "dialplan/identity.hpp"
#include "dialplan/pattern.hpp"
#include "dialplan/policy.hpp"
#include "dialplan/routing.hpp"

#include <charconv>
#include <utility>

namespace pbx::dialplan {

namespace {

std::optional<PassedPoint> find_in(const std::unordered_map<std::string, bool>& switches, const std::string& number,
                                   bool answers) {
    const auto found = switches.find(number);
    if (found == switches.end())
        return std::nullopt;
    return PassedPoint{found->second, answers};
}

// The place of the first route that "outbound" (0) or "outbound-3" (2) tries; nothing for other contexts.
std::optional<std::size_t> first_route(std::string_view context) {
    constexpr std::string_view name = "outbound";
    if (!context.starts_with(name))
        return std::nullopt;
    context.remove_prefix(name.size());
    if (context.empty())
        return 0;
    std::size_t place = 0;
    const auto* const end = context.data() + context.size();
    const auto parsed = std::from_chars(context.data() + 1, end, place);
    if (context.front() != '-' || parsed.ec != std::errc{} || parsed.ptr != end || place == 0)
        return std::nullopt;
    return place - 1;
}

} // namespace

PointFinder::Tenant PointFinder::tenant_of(const tenants::Organization& organization) {
    Tenant tenant;
    tenant.prefix = organization.context_prefix + "__";
    tenant.opt_in = consent_value(organization.recording_consent) == ConsentMode::opt_in;
    const auto recorded = [&](tenants::RecordingFlag row) { return allows(organization.recording_enabled, row); };
    for (const auto& user : organization.users) {
        tenant.users[user.extension] = recorded(user.recording_enabled);
        if (user.ring_target == "phone")
            tenant.phones[user.phone_number] = recorded(user.recording_enabled);
    }
    for (const auto& queue : organization.queues)
        tenant.queues[queue.number] = recorded(queue.recording_enabled);
    for (const auto& did : organization.dids)
        if (did.answers || did.routing_type == "queue")
            tenant.dids[canonical_number(did.number)] = recorded(did.recording_enabled);
    return tenant;
}

PointFinder::PointFinder(std::vector<tenants::Organization> organizations) {
    for (auto& organization : organizations) {
        tenants_[organization.id] = tenant_of(organization);
        organization.status = "active"; // a suspended organization had routes when its calls were made
    }
    // The plan has the routes in the order in which calls try them, and their patterns as Asterisk reads them.
    for (const auto& plan : check(std::move(organizations)).plans)
        for (const auto& route : plan.organization.routes)
            tenants_[plan.accountcode()].routes.push_back(
                {route.dial_pattern, allows(plan.organization.recording_enabled, route.recording_enabled)});
}

std::optional<PassedPoint> PointFinder::Tenant::find_route(const std::string& number, std::size_t first) const {
    for (std::size_t place = first; place < routes.size(); ++place) {
        const auto& pattern = routes[place].pattern;
        if (!pattern_takes(pattern, number) && !(pattern == default_pattern && pattern_takes(plus_pattern, number)))
            continue;
        // A CDR row does not show whether the number was dialled or belongs to an extension.
        const auto phone = phones.find(number);
        return PassedPoint{routes[place].recorded && (phone == phones.end() || phone->second), false};
    }
    return std::nullopt;
}

std::optional<PassedPoint> PointFinder::Tenant::find_dialled(const std::string& number) const {
    if (const auto user = find_in(users, number, false))
        return user;
    if (const auto queue = find_in(queues, number, true))
        return queue;
    return find_route(number, 0);
}

std::optional<PassedPoint> PointFinder::find(const std::string& account, std::string_view context,
                                             const std::string& number) const {
    const auto found = tenants_.find(account);
    if (found == tenants_.end() || !context.starts_with(found->second.prefix))
        return std::nullopt;
    const auto& tenant = found->second;
    auto point = find_point(tenant, context.substr(tenant.prefix.size()), number);
    if (point)
        point->opt_in = tenant.opt_in;
    return point;
}

std::optional<PassedPoint> PointFinder::find_point(const Tenant& tenant, std::string_view context,
                                                   const std::string& number) {
    if (context == "internal" || context == "transfer")
        return tenant.find_dialled(number);
    if (context == "queue")
        return find_in(tenant.queues, number, true);
    if (context == "incoming" || context == "incoming_sub")
        return find_in(tenant.dids, canonical_number(number), true);
    const auto route = first_route(context);
    return route ? tenant.find_route(number, *route) : std::nullopt;
}

} // namespace pbx::dialplan

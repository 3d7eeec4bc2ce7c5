// A call goes out by the first route that matches its number and has a trunk. Where that route sends an emergency
// number unchanged, what later routes would make of it does not matter.
#include "dialplan/emergency.hpp"

#include "dialplan/pattern.hpp"
#include "dialplan/routing.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace pbx::dialplan {

namespace {

void append(std::string& list, const std::string& item) {
    list += (list.empty() ? "" : ", ") + item;
}

// What a route does with the emergency numbers that no earlier route has taken.
struct Matches {
    std::string unchanged; // a list of numbers
    std::string changed;
    std::string changes; // "911 would be sent as 11"
};

Matches matches_of(const tenants::Route& route, const Rules& rules, const std::set<std::string>& served) {
    Matches matches;
    for (const auto& number : rules.emergency) {
        if (served.contains(number) || !pattern_takes(route.dial_pattern, number))
            continue;
        const auto sent = number_sent(route, number);
        append(sent == number ? matches.unchanged : matches.changed, number);
        if (sent != number)
            append(matches.changes,
                   fmt::format("{} would be sent as {}", number, sent.empty() ? "an empty number" : sent));
    }
    return matches;
}

Fault changing_route(const tenants::Route& route, const Matches& matches, const Rules& rules) {
    return {fmt::format("dial_pattern {} matches emergency numbers and would change them: {}",
                        in_quotes(route.dial_pattern), matches.changes),
            fmt::format("set \"emergency\" in pbx.conf to the emergency numbers of the places where the phones are (it "
                        "is {}), or add a route with a lower priority that sends {} unchanged",
                        fmt::join(rules.emergency, ","), matches.changed)};
}

} // namespace

void check_emergency_routes(const tenants::Organization& organization, const Rules& rules, Faults& faults,
                            std::vector<Warning>& warnings) {
    std::set<std::string> served;
    const auto name = harmless(organization.name);
    const auto warn = [&](std::string message) {
        warnings.push_back({organization.context_prefix, std::move(message), true});
    };
    for (const auto& route : organization.routes) {
        const auto* trunk = used_trunk(organization, route, faults);
        if (trunk == nullptr)
            continue;
        const auto matches = matches_of(route, rules, served);
        if (!matches.changes.empty()) {
            faults.add(&route, changing_route(route, matches, rules));
            continue;
        }
        if (matches.unchanged.empty())
            continue;
        for (const auto& number : rules.emergency)
            if (pattern_takes(route.dial_pattern, number))
                served.insert(number);
        warn(fmt::format("route {} of {} sends {} to trunk {}: make certain that the trunk accepts emergency calls",
                         harmless(route.name), name, matches.unchanged, harmless(trunk->name)));
    }
    const auto& users = organization.users;
    const bool phones = std::any_of(users.begin(), users.end(), [&](const tenants::User& user) {
        return faults.is_used(user) && !user.asterisk_endpoint.empty();
    });
    if (phones && served.empty() && !rules.emergency.empty())
        warn(fmt::format("no route of {} matches an emergency number", name));
}

} // namespace pbx::dialplan

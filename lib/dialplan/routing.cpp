// extensions.cpp writes the dialplan that does the same.
#include "dialplan/routing.hpp"

#include "dialplan/pattern.hpp"

#include <algorithm>

namespace pbx::dialplan {

const tenants::Trunk* used_trunk(const tenants::Organization& organization, const tenants::Route& route,
                                 const Faults& faults) {
    if (!faults.is_used(route))
        return nullptr;
    const auto& trunks = organization.trunks;
    const auto found = std::find_if(trunks.begin(), trunks.end(), [&](const tenants::Trunk& trunk) {
        return trunk.id == route.trunk_id && faults.is_used(trunk);
    });
    return found == trunks.end() ? nullptr : &*found;
}

bool takes(const tenants::Route& route, std::string_view number) {
    return takes_unchanged(route, number) || pattern_takes(route.dial_pattern, number);
}

bool takes_unchanged(const tenants::Route& route, std::string_view number) {
    return route.dial_pattern == default_pattern && pattern_takes(plus_pattern, number);
}

std::string number_sent(const tenants::Route& route, const std::string& number) {
    const auto strip = std::min(static_cast<std::size_t>(route.strip_digits), number.size());
    return route.prepend_digits + number.substr(strip);
}

} // namespace pbx::dialplan

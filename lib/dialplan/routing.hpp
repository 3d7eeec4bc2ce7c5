// Which calls an organization's outbound routes take, and what they send to their trunks.
#pragma once

#include "dialplan/fault.hpp"
#include "tenants/organization.hpp"

#include <string>
#include <string_view>

namespace pbx::dialplan {

/// The pattern of a route for which nobody chose one. It does not match what phones dial from an address book, +49...
inline constexpr std::string_view default_pattern = "_X.";
/// What a route with the default pattern also takes, and sends unchanged.
inline constexpr std::string_view plus_pattern = "_+X.";

/// The trunk of `route`, if both are a part of the configuration.
const tenants::Trunk* used_trunk(const tenants::Organization& organization, const tenants::Route& route,
                                 const Faults& faults);

/// Whether `route` takes the outside number `number`.
bool takes(const tenants::Route& route, std::string_view number);
/// Whether it does so only because it has the default pattern, and sends the number unchanged.
bool takes_unchanged(const tenants::Route& route, std::string_view number);

/// What `route` sends to its trunk when `number` is dialled.
std::string number_sent(const tenants::Route& route, const std::string& number);

} // namespace pbx::dialplan

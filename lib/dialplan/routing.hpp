// Which calls an organization's outbound routes take, and what they send to their trunks.
#pragma once

#include "dialplan/fault.hpp"
#include "tenants/organization.hpp"

#include <string>

namespace pbx::dialplan {

/// The trunk of `route`, if both are a part of the configuration.
const tenants::Trunk* used_trunk(const tenants::Organization& organization, const tenants::Route& route,
                                 const Faults& faults);

/// What `route` sends to its trunk when `number` is dialled.
std::string number_sent(const tenants::Route& route, const std::string& number);

} // namespace pbx::dialplan

// Calls that would loop forever between destinations, DIDs and carriers.
#pragma once

#include "dialplan/fault.hpp"
#include "tenants/organization.hpp"

#include <vector>

namespace pbx::dialplan {

/// Adds a fault for the newest row of every loop; see find_loops().
void check_routing_loops(const std::vector<tenants::Organization>& all, Faults& faults);

} // namespace pbx::dialplan

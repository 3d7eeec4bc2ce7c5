// Emergency numbers must leave the PBX as they were dialled.
#pragma once

#include "dialplan/fault.hpp"
#include "dialplan/plan.hpp"

namespace pbx::dialplan {

/// Adds a fault for each route of `organization` that would send an emergency number changed, and warnings about the
/// routes that send one unchanged, or about there being none. Routes must be in the order in which calls try them.
void check_emergency_routes(const tenants::Organization& organization, const Rules& rules, Faults& faults,
                            std::vector<Warning>& warnings);

} // namespace pbx::dialplan

// Warnings about valid rows whose calls will fail, or whose phone can be taken over.
#pragma once

#include "dialplan/plan.hpp"

#include <vector>

namespace pbx::dialplan {

/// Warns about destinations and trunks that are missing or not active, and about passwords that are easy to guess. No
/// row is left out because of them: its other calls would fail too.
void warn_of_loose_ends(const Plan& plan, std::vector<Warning>& warnings);

} // namespace pbx::dialplan

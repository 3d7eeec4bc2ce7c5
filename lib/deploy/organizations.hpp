// Reads the tenants from the database.
#pragma once

#include "dialplan/organization.hpp"

#include <soci/soci.h>

#include <vector>

namespace pbx::deploy {

/// Every organization with its rows, whatever their state, as they were at one moment; seven queries, however many
/// there are. Throws Error.
std::vector<dialplan::Organization> load_organizations(soci::session& session);

} // namespace pbx::deploy

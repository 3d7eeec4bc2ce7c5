// Reads the tenants from the database.
#pragma once

#include "db/organization_lookup.hpp"
#include "tenants/organization.hpp"

#include <soci/soci.h>

#include <vector>

namespace pbx::db {

/// Every organization with its rows, whatever their status, from one snapshot of the database. It takes seven queries,
/// however many organizations there are. Throws Error as guarded() does.
std::vector<tenants::Organization> load_organizations(soci::session& session);
/// The same in a transaction of the caller, which must be at least repeatable read.
std::vector<tenants::Organization> load_organizations_in_transaction(soci::session& session);

/// The keys of `organizations` for find_organization(), in the same order. They point into `organizations`.
std::vector<OrganizationKeys> keys_of(const std::vector<tenants::Organization>& organizations);

} // namespace pbx::db

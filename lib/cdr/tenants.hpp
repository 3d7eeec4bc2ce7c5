// What the organizations call their endpoints, to read CDR rows by.
#pragma once

#include "cdr/journey.hpp"

#include <soci/soci.h>

#include <map>
#include <string>

namespace pbx::cdr {

/// By accountcode, which is the organization's id.
using Tenants = std::map<std::string, TenantNames>;

/// Reads every organization, in three queries. Throws Error.
Tenants load_tenants(soci::session& session);

/// The accountcode of the organization that `wanted` names (organization_lookup.hpp); empty when `wanted` is. Throws
/// Error: no_input, or usage when it names more than one.
std::string find_account(const Tenants& tenants, const std::string& wanted);

} // namespace pbx::cdr

// The queries that find calls.
#pragma once

#include "cdr/call_filter.hpp"
#include "cdr/journey.hpp"
#include "cdr/tenants.hpp"

#include <soci/soci.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pbx::cdr {

/// Calls `each` for every call that passes the filter, the newest first, in bounded memory. Throws Error.
void for_each_call(soci::session& session, const Tenants& tenants, const CallFilter& filter,
                   const std::function<void(const Journey&)>& each);

/// The calls that `name` means: a CDR id (all digits), a linkedid or a uniqueid; only those of `account`, if that is
/// given. The account "" is that of calls without an accountcode. Throws Error.
std::vector<Journey> find_journeys(soci::session& session, const Tenants& tenants, const std::string& name,
                                   const std::optional<std::string>& account);

/// The calls of all accounts with these linkedids. Throws Error.
std::vector<Journey> find_journeys(soci::session& session, const Tenants& tenants,
                                   const std::vector<std::string>& linkedids);

} // namespace pbx::cdr

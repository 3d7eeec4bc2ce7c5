// Which account owns a linkedid, for recordings that are named by the linkedid alone.
#pragma once

#include <soci/soci.h>

#include <string>

namespace pbx::cdr {

/// Whether a row with this linkedid has another account than `account`, or, if `account` is not empty, names a
/// recording without having an account. Costs a look-up in an index. Throws Error (unavailable).
bool is_claimed_by_others(soci::session& session, const std::string& linkedid, const std::string& account);

} // namespace pbx::cdr

// Which legs the next pbx-stitch may join.
#pragma once

#include <soci/soci.h>

#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace pbx::cdr {

/// Those of `names` that belong to a call with a CDR row in the last `window`. Throws Error (unavailable).
std::set<std::string> find_needed_legs(soci::session& session, const std::vector<std::string>& names,
                                       std::chrono::seconds window);

} // namespace pbx::cdr

// The database, for the areas that need it.
#pragma once

#include "base/deadline.hpp"
#include "check/findings.hpp"
#include "check/options.hpp"
#include "db/session.hpp"

namespace pbx::check {

/// Connects. When the database does not answer, adds a warning that `what` is not checked, and returns false: the area
/// "database" reports the failure.
bool connect(soci::session& session, const CheckOptions& options, const Deadline& deadline, Findings& findings,
             const std::string& what);

/// The whole seconds until `deadline`, at least one.
std::chrono::seconds seconds_left(const Deadline& deadline);

} // namespace pbx::check

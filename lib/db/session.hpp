// A PostgreSQL session, through SOCI.
#pragma once

#include "base/error.hpp"

#include <libpq-fe.h>
#include <soci/soci.h>

#include <chrono>
#include <string>
#include <utility>

namespace pbx::db {

/// Connects `session` with a libpq conninfo string or URI; empty means libpq's own defaults and PG* variables. The
/// server cancels statements after `timeout` (zero: never). Throws Error: unavailable; no_permission when the
/// server refuses the login; config for a string that libpq cannot parse.
///
/// Call it before the first thread starts: SOCI 4.0 splits connection strings at blanks, even inside quotes, so
/// connect() passes them in the PG* environment variables.
void connect(soci::session& session, const std::string& conninfo, std::chrono::seconds timeout);

/// libpq's own connection below `session`, for what SOCI cannot do.
PGconn* connection(soci::session& session);

/// The Error for an SQL state and the server's message: unavailable for a lost connection or a server in trouble,
/// no_permission, config for a schema that is not ours, data for a value that the server refuses, temporary for a lock
/// or a timeout; software only for a statement that it cannot parse.
Error sql_error(const std::string& doing, const std::string& sqlstate, const std::string& message);

/// Turns an exception of SOCI into an Error. `doing` completes "cannot ...".
[[noreturn]] void rethrow(const std::string& doing, const soci::soci_error& error);

/// Runs `work`, and turns SOCI's exceptions into an Error that names the action, without parameter values.
template <typename Work>
auto guarded(const std::string& doing, Work&& work) {
    try {
        return std::forward<Work>(work)();
    } catch (const soci::soci_error& error) {
        rethrow(doing, error);
    }
}

} // namespace pbx::db

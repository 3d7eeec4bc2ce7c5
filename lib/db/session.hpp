// A PostgreSQL session, by SOCI.
#pragma once

#include "base/error.hpp"

#include <libpq-fe.h>
#include <soci/soci.h>

#include <chrono>
#include <string>
#include <utility>

namespace pbx::db {

/// Connects `session` with a libpq conninfo string or URI; empty means libpq's own defaults and PG* variables.
/// Statements end by themselves after `timeout` (zero: never). Throws Error: unavailable, or config for a string that
/// libpq cannot parse.
///
/// Call it before the first thread starts: SOCI 4.0 splits connection strings at blanks, whatever the quotes, so what
/// libpq parsed is handed on in the PG* environment variables.
void connect(soci::session& session, const std::string& conninfo, std::chrono::seconds timeout);

/// libpq's own connection below `session`, for what SOCI cannot do.
PGconn* connection(soci::session& session);

/// The Error for an SQL state and the server's words: unavailable for a lost connection, no_permission, config for a
/// table that is not there, temporary for a lock or a timeout, software for the rest.
Error sql_error(const std::string& doing, const std::string& sqlstate, const std::string& message);

/// Turns what SOCI threw into an Error. `doing` completes "cannot ...".
[[noreturn]] void rethrow(const std::string& doing, const soci::soci_error& error);

/// Runs `work`, and turns what SOCI throws into an Error that says what was being done, without parameter values.
template <typename Work>
auto guarded(const std::string& doing, Work&& work) {
    try {
        return std::forward<Work>(work)();
    } catch (const soci::soci_error& error) {
        rethrow(doing, error);
    }
}

} // namespace pbx::db

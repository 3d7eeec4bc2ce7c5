// Queries that end at a deadline, whatever the server does.
#pragma once

#include "base/deadline.hpp"

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

namespace pbx::db {

using QueryResult = std::unique_ptr<PGresult, decltype(&PQclear)>;

/// Runs `sql` as one transaction, and returns the rows of its last statement, or none where no statement has rows. With
/// `parameters` ($1, $2) it must be one statement. `doing` completes "cannot ...". Throws the Error of sql_error();
/// unavailable also when the server does not answer by `deadline`.
QueryResult ask_patiently(PGconn* connection, const std::string& doing, const std::string& sql,
                          const std::vector<std::string>& parameters, const Deadline& deadline);

} // namespace pbx::db

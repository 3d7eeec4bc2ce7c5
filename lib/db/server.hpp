// What pbx-check asks the database server about itself.
#pragma once

#include "base/deadline.hpp"

#include <soci/soci.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace pbx::db {

struct ServerFacts {
    int version = 0; ///< 150018 is 15.18
    std::string database;
    std::string user;
    bool read_only = false;                   ///< a standby, or a database that is set to read only
    std::vector<std::string> missing_rights;  ///< of the user, on tables that exist, as GRANT statements
    std::chrono::milliseconds clock_ahead{0}; ///< how much its clock is ahead of this machine's
};

/// Throws Error: unavailable, also when the server does not answer by `deadline`.
ServerFacts ask_server(soci::session& session, const Deadline& deadline);

/// The files that a connection uses: libpq's name of the parameter (sslcert, sslkey, sslrootcert) and the path. None
/// for a `conninfo` that cannot be parsed.
std::vector<std::pair<std::string, std::string>> connection_files(const std::string& conninfo);

} // namespace pbx::db

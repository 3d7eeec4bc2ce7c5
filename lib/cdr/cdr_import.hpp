// pbx-calls import: CDR rows of Asterisk's cdr_custom file that the database lacks.
#pragma once

#include "base/error.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace pbx::cdr {

struct ImportRequest {
    std::string database;
    std::string spool = "/var/spool/asterisk/monitor";      ///< identifies this machine in the table of nodes
    std::vector<std::string> files;                         ///< "-": stdin
    std::chrono::seconds min_age = std::chrono::minutes{5}; ///< younger rows are left for the next run
    bool from_beginning = false;                            ///< also what earlier runs have read
    bool dry_run = false;                                   ///< add nothing, and remember nothing
    bool missing_ok = false;                                ///< a file that does not exist is no error
    std::chrono::seconds timeout{3600};
};

/// Adds the rows, each once, however many runs there are at once. Returns data when a record of a file is malformed or
/// refused by the database; the others are added. Throws Error: io, no_permission, unavailable.
Exit import_rows(const ImportRequest& request);

} // namespace pbx::cdr

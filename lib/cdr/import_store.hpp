// What pbx-calls import reads from and writes to the database.
#pragma once

#include "cdr/cdr_file.hpp"

#include <soci/soci.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pbx::cdr {

/// How far a file has been read.
struct ImportPosition {
    std::uint64_t bytes = 0;
    std::uint64_t line = 1; ///< that begins there
    std::string before;     ///< SHA-256 of the bytes before it
};

/// Nothing when no run has read the file whose first line has this SHA-256. Throws Error.
std::optional<ImportPosition> find_position(soci::session& session, const std::string& file);

/// Whether rows are added to the table, or only to that of a trial.
enum class Storing { for_good, on_trial };

/// To be called once per session before rows are stored on trial. Throws Error.
void begin_trial(soci::session& session);

/// Adds those of `rows` that the table lacks, and stores the position, if one is given, in one transaction. A trial
/// stores no position. Runs that are no trial take turns. Returns how many rows were added. Throws Error: data when the
/// server refuses one of the rows.
std::uint64_t store_rows(soci::session& session, const std::vector<FileRow>& rows, const std::string& file,
                         const std::optional<ImportPosition>& position, Storing storing);

} // namespace pbx::cdr

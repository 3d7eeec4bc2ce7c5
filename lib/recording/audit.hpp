// The archive's audit: for every recorded CDR row, whether its leg is local, remote, both or missing.
#pragma once

#include "base/error.hpp"
#include "recording/places.hpp"

#include <chrono>
#include <string>

namespace pbx::recording {

struct AuditOptions {
    Places places;
    std::string database;
    std::string since;   ///< a moment; empty: all rows
    std::string account; ///< only this accountcode
    bool json = false;
    bool summary = false; ///< leave out the rows whose leg exists
    std::chrono::seconds timeout = std::chrono::minutes{50};
};

/// Prints the report. Returns data when a leg is missing, ambiguous, or differs between spool and archive.
Exit audit(const AuditOptions& options);

} // namespace pbx::recording

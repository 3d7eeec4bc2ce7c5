// The hourly run: every call with two or more legs gets its stitched recording.
#pragma once

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "recording/overlap.hpp"
#include "recording/places.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace pbx::recording {

struct StitchOptions {
    Places places;
    std::string database;
    std::string node; ///< this machine's name where there are several; empty: none
    std::chrono::seconds since = std::chrono::hours{25};
    std::chrono::seconds timeout = std::chrono::minutes{50};
    Overlap overlap = Overlap::keep;
    unsigned jobs = default_jobs();
    bool dry_run = false;
    bool json = false;                  ///< a report on stdout
    std::string metrics;                ///< a file for monitoring, see metrics.hpp; a dry run writes none
    std::vector<std::string> linkedids; ///< only these calls, however old; empty: those with a row in `since`
};

/// Returns the worst status of all calls: data for unreadable legs, temporary for calls left to the next run, and so
/// on. Throws Error when the run as a whole cannot work: no database, no spool, another run; config when another node
/// is known and this one has no name of its own (nodes.hpp).
Exit stitch(const StitchOptions& options);

} // namespace pbx::recording

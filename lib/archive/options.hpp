// What pbx-archive is asked to do.
#pragma once

#include "recording/places.hpp"

#include <chrono>
#include <string>

namespace pbx::archive {

struct ArchiveOptions {
    recording::Places places;
    std::string database; ///< asked for other nodes if it answers; archiving itself does not need it
    std::string node;     ///< this machine's name among several; empty: none
    std::chrono::seconds min_age = std::chrono::minutes{5};
    std::chrono::seconds timeout = std::chrono::minutes{50};
    bool dry_run = false;
    bool json = false;   ///< print a report on stdout
    std::string metrics; ///< a file for monitoring, see metrics.hpp; a dry run does not write it
};

struct InitOptions {
    recording::Places places;
    std::string database;
    std::chrono::seconds timeout = std::chrono::minutes{50};
    bool dry_run = false;
    bool replace = false; ///< the marker that the database remembers there may be another one, or gone
};

struct AuditOptions {
    recording::Places places;
    std::string database;
    std::string since;        ///< a time, see parse_time(); empty: all rows
    std::string account;      ///< only this accountcode; empty: all
    std::string organization; ///< only the organization of this name, prefix or id; empty: all
    bool json = false;
    bool csv = false;
    bool raw_csv = false; ///< with csv: do not disarm cells that a spreadsheet would run
    bool summary = false; ///< leave out the rows without a problem
    std::chrono::seconds timeout = std::chrono::minutes{50};
};

} // namespace pbx::archive

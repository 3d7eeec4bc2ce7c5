// What pbx-archive is asked to do.
#pragma once

#include "db/tenant_choice.hpp"
#include "recording/places.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace pbx::archive {

/// What all commands have.
struct CommonOptions {
    recording::Places places;
    std::string database; ///< archiving itself does not need it: it is asked for other nodes if it answers
    std::string node;     ///< this machine's name among several; empty: none
    std::chrono::seconds timeout = std::chrono::minutes{50};
    bool dry_run = false; ///< change nothing, and for verify, write nothing to the database
    bool json = false;    ///< print a report on stdout as JSON
};

struct ArchiveOptions : CommonOptions {
    std::chrono::seconds min_age = std::chrono::minutes{5};
    std::string metrics; ///< a file for monitoring, see metrics.hpp; a dry run does not write it
};

struct InitOptions : CommonOptions {
    bool replace = false; ///< the marker that the database remembers there may be another one, or gone
};

struct VerifyOptions : CommonOptions {
    std::optional<std::chrono::sys_seconds> since; ///< nothing: everything
    db::TenantChoice tenant;                       ///< only objects of this tenant; nobody: of all
    std::string read;                              ///< the share of the objects whose bytes are read: "5%"; empty: none
    bool adopt = false;                            ///< add facts of objects that have none
};

struct AuditOptions : CommonOptions {
    std::optional<std::chrono::sys_seconds> since; ///< nothing: all rows
    db::TenantChoice tenant;                       ///< nobody: all
    bool csv = false;
    bool raw_csv = false; ///< with csv: do not disarm cells that a spreadsheet would run
    bool summary = false; ///< leave out the rows without a problem
};

} // namespace pbx::archive

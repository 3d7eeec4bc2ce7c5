// How a verification is printed: as text for people, or as one JSON document, which docs/verify.md describes.
#pragma once

#include "archive/options.hpp"
#include "base/content.hpp"
#include "base/error.hpp"
#include "db/archive_comparison.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace pbx::archive {

/// One object that is damaged, missing or unknown.
struct Finding {
    std::string verdict; ///< one of these words
    std::string path;    ///< in the remote
    std::optional<db::RecordedFacts> facts;
    std::optional<Content> found; ///< what the remote reports, or what was read
    std::optional<std::chrono::sys_seconds> modified;
    std::string reason;
};

/// The finding as JSON text: one line of the report, and what its text form is printed from.
std::string to_json(const Finding& finding);

struct VerifyCounts {
    std::int64_t right = 0; ///< objects that agree with their facts
    std::int64_t damaged = 0, missing = 0, unknown = 0;
    std::int64_t awaited = 0;  ///< objects that are being archived: their facts are on their way
    std::int64_t unjudged = 0; ///< objects that the remote did not answer for
    std::int64_t adopted = 0;
    std::int64_t drawn = 0, read = 0; ///< objects to be read, and those that were read as a whole and are right
    std::int64_t bytes_read = 0;
};

struct VerifyReport {
    const VerifyOptions& options;
    std::string remote; ///< its path, for people
    std::optional<std::chrono::sys_seconds> since;
    std::chrono::sys_seconds now;
    std::string account;    ///< the only one that was verified; empty: all
    bool lists_md5 = false; ///< whether the listing had hashes
    const VerifyCounts& counts;
    Exit exit = Exit::ok;
};

/// These stream the findings from the database to stdout.
void print_json(db::ArchiveComparison& comparison, const VerifyReport& report);
void print_text(db::ArchiveComparison& comparison, const VerifyReport& report);

} // namespace pbx::archive

// Runs migrations, and compares what was applied with the files.
#pragma once

#include "base/error.hpp"
#include "db/migration_files.hpp"

#include <chrono>
#include <filesystem>
#include <string>

namespace pbx::db {

struct MigrateOptions {
    std::string database;
    std::filesystem::path folder;
    std::chrono::seconds timeout{0};       ///< for each statement
    std::chrono::seconds lock_timeout{60}; ///< how long to wait for another runner
};

/// Applies what is pending, up to and including version `to` unless empty; with `dry_run` only lists it on stdout.
/// Each file and its record are one transaction, so an Error leaves the database as before that file: data for an
/// error in a file, or when an applied file changed or vanished or a pending one is older than the newest applied;
/// temporary when another runner, or somebody who uses a table, does not let go.
Exit migrate_up(const MigrateOptions& options, const std::string& to, bool dry_run);

/// Prints each migration's state to stdout. ok: all applied; differs: something is pending; data: an applied file
/// changed or vanished.
Exit migrate_status(const MigrateOptions& options, bool json);

/// Looks at everything that can be wrong: files, their order, checksums, indexes that PostgreSQL left unfinished. Says
/// each, and returns data if there is one.
Exit migrate_verify(const MigrateOptions& options);

/// Records all versions up to `version` as applied without running them, for a schema that exists already.
Exit migrate_baseline(const MigrateOptions& options, const std::string& version);

} // namespace pbx::db

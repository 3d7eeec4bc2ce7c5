// The commands of pbx-migrate.
#pragma once

#include "base/error.hpp"
#include "db/migration_runner.hpp"

#include <string>

namespace pbx::db {

/// Applies the pending files, up to and including version `to` unless empty; with `dry_run` only lists them on stdout.
/// Each file and its record are one transaction, so an Error undoes all of that file. Throws Error: data for an error
/// in a file, or when an applied file changed or vanished or a pending one is older than the newest applied; temporary
/// when another runner, or a session that uses a table, does not end in time.
Exit migrate_up(const MigrateOptions& options, const std::string& to, bool dry_run);

/// Prints each migration's state to stdout. ok: all applied; differs: something is pending; data: an applied file
/// changed or vanished.
Exit migrate_status(const MigrateOptions& options, bool json);

/// Checks the files, their order, their checksums, and the indexes that PostgreSQL left unfinished. Reports every
/// fault, and returns data if there is one.
Exit migrate_verify(const MigrateOptions& options);

/// Compares the schema with what the migrations up to `version` make; if that is empty, with what the recorded ones
/// have made, or all where none is recorded. Prints each difference as a comment, with the SQL that removes it. ok, or
/// differs.
Exit migrate_check(const MigrateOptions& options, const std::string& version);

/// Records all versions up to `version` as applied without running them, for a schema that exists already. Where it is
/// not what they make, prints what migrate_check() prints, and returns data; with `force`, records them all the same.
/// With `dry_run`, lists them on stdout instead.
Exit migrate_baseline(const MigrateOptions& options, const std::string& version, bool force, bool dry_run);

} // namespace pbx::db

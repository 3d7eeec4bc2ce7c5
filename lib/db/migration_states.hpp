// Compares the applied migrations with the files.
#pragma once

#include "base/error.hpp"
#include "db/migration_files.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pbx::db {

/// A row of schema_migrations.
struct MigrationRecord {
    std::string version;
    std::string checksum;
    std::string applied_at; ///< as PostgreSQL prints it
    std::chrono::milliseconds duration{0};
};

enum class MigrationState { applied, pending, out_of_order, changed, vanished };

const char* name_of(MigrationState state);

/// A version that has a file, a record, or both.
struct MigrationEntry {
    MigrationState state = MigrationState::pending;
    std::string version;
    const Migration* file = nullptr; ///< null when it has vanished
    std::optional<MigrationRecord> record;

    /// Whether it prevents the other migrations from being applied.
    bool is_fault() const;
    /// The fault, with a hint. Call it only if is_fault().
    Error fault() const;
};

/// Files and records side by side, in the order of their versions. The entries point into `files`.
std::vector<MigrationEntry> compare(const std::vector<Migration>& files, const std::vector<MigrationRecord>& records);

/// Reports every entry that is_fault(), and throws the last one.
void require_clean(const std::vector<MigrationEntry>& entries);

/// The files to apply, up to and including version `to` unless that is empty.
std::vector<const Migration*> pending(const std::vector<MigrationEntry>& entries, const std::string& to);

std::int64_t count(const std::vector<MigrationEntry>& entries, MigrationState state);

} // namespace pbx::db

// The folder of migrations, read and checked without a database.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::db {

/// One file YYYYMMDD-words.sql.
struct Migration {
    std::string version; ///< the file's name without .sql
    std::filesystem::path path;
    std::string text;
    std::string checksum;       ///< SHA-256 of the file, in hexadecimal
    bool in_transaction = true; ///< no leading comment "-- pbx-migrate: no-transaction"
};

/// All migrations of a folder in the order of their names. Files that do not end in .sql, and hidden files, are
/// ignored. Throws Error: config for a folder without migrations or a file with another name, io, no_permission.
std::vector<Migration> read_migrations(const std::filesystem::path& folder);

/// What is wrong with a migration's text, and what is required; empty when nothing is wrong. Only for migrations that
/// are still to be applied.
std::string migration_fault(const Migration& migration);

/// Throws Error (config) when migration_fault finds something.
void require_sound(const Migration& migration);

/// Makes an empty migration named for today and `words`, and returns its path. Throws Error: usage for words that make
/// an invalid name, or one that would not sort after the newest migration; cant_create.
std::filesystem::path new_migration(const std::filesystem::path& folder, const std::string& words);

} // namespace pbx::db

// Runs migrations on one connection: takes the lock, reads the records, runs and records each file.
#pragma once

#include "base/error.hpp"
#include "db/migration_states.hpp"
#include "db/schema.hpp"
#include "db/session.hpp"
#include "db/sql_text.hpp"

#include <libpq-fe.h>
#include <soci/soci.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::db {

struct MigrateOptions {
    std::string database;
    std::filesystem::path folder;
    std::chrono::seconds timeout{0};       ///< for each statement
    std::chrono::seconds lock_timeout{60}; ///< how long to wait for another runner
};

class MigrationRunner {
  public:
    /// Connects. Throws Error: unavailable; config when there is no schema to create tables in.
    explicit MigrationRunner(const MigrateOptions& options);

    /// Waits until no other runner works on this database. Throws Error (temporary), naming it, at the lock timeout.
    void lock();

    /// The rows of schema_migrations; none when the table does not exist yet.
    std::vector<MigrationRecord> records();

    /// Runs a file and records it: completely or not at all, unless it asks for no transaction. Throws Error: data for
    /// an error in the file, temporary when a table that it needs is in use.
    void apply(const Migration& file);

    /// Records files as applied without running them, all or none.
    void record_all(const std::vector<const Migration*>& files);

    /// What the schema lacks, or has differently, of what `files` would have made. They run in a schema of their own,
    /// in a transaction that is rolled back. Throws Error: no_permission when the user may not create a schema.
    std::vector<SchemaDifference> differences_from(const std::vector<const Migration*>& files);

    /// Indexes that a failed or killed CREATE INDEX CONCURRENTLY left behind: PostgreSQL does not use them, but IF NOT
    /// EXISTS counts them as existing.
    std::set<std::string> invalid_indexes();

  private:
    using Clock = std::chrono::steady_clock;
    using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

    void prepare_session();
    void reset_session();
    Result query(const std::string& doing, const std::string& text);
    std::string value(const std::string& doing, const std::string& text);
    void record(const Migration& file, Clock::duration duration);
    void apply_in_transaction(const Migration& file, Clock::time_point start);
    void apply_without_transaction(const Migration& file, Clock::time_point start);
    std::chrono::milliseconds patience() const;
    void set_lock_timeout(std::chrono::milliseconds timeout);
    std::chrono::milliseconds lock_timeout();
    std::string index_of(const std::string& name);
    void run_patiently(const Migration& file, const Statement& statement);
    void drop_invalid(const Migration& file, const std::set<std::string>& except);
    void run(const Migration& file, std::string_view text, std::size_t first_line);
    void end_copy(ExecStatusType status);
    static std::size_t line_of_statement(std::string_view text, std::size_t number, std::size_t first_line);
    Error file_error(const Migration& file, std::string_view text, std::size_t first_line, std::size_t done,
                     const PGresult* result) const;
    static std::string advice(const std::string& state, const Migration& file, const PGresult* result);

    MigrateOptions options_;
    soci::session session_;
    PGconn* connection_ = nullptr;
    std::string schema_;
    std::string table_;
    bool has_table_ = false;
};

} // namespace pbx::db

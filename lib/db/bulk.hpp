// Statements straight through libpq: COPY, which SOCI does not have, and cursors, since SOCI holds whole results.
#pragma once

#include <libpq-fe.h>
#include <soci/soci.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace pbx::db {

struct ClearResult {
    void operator()(PGresult* result) const { PQclear(result); }
};
using BulkResult = std::unique_ptr<PGresult, ClearResult>;

/// One row of a result; it ends with the result.
class BulkRow {
  public:
    BulkRow(const PGresult* result, int row) : result_{result}, row_{row} {}

    bool is_null(int column) const { return PQgetisnull(result_, row_, column) != 0; }
    std::string text(int column) const;
    std::int64_t number(int column) const; ///< 0 for NULL
    std::optional<std::uint64_t> size(int column) const;
    std::optional<double> real(int column) const;
    bool flag(int column) const { return number(column) != 0; } ///< of a boolean that was cast to int

  private:
    const PGresult* result_;
    int row_;
};

class BulkSession {
  public:
    /// How many rows a cursor returns at once.
    static constexpr int block = 2000;

    /// `action` completes "cannot ..." in errors. Every function throws what sql_error() returns.
    BulkSession(soci::session& session, const char* action) : session_{session}, action_{action} {}

    BulkResult execute(const std::string& sql);
    /// `text` as an SQL literal. Throws Error (usage) when it is not UTF-8.
    std::string literal(const std::string& text);

    /// Calls `each` with the rows of `query`, in a transaction. `after_block`, if given, runs after each block of rows,
    /// and may use the session.
    void for_each_row(const std::string& query, const std::function<void(const BulkRow&)>& each,
                      const std::function<void()>& after_block = {});

    /// Takes one line of COPY's text format, with its line break.
    using AddLine = std::function<void(const std::string& line)>;
    /// Fills `table` with the lines that `fill` adds.
    void copy(const std::string& table, const std::function<void(const AddLine&)>& fill);

  private:
    [[noreturn]] void fail(const PGresult* result);

    soci::session& session_;
    const char* action_;
};

/// A value in COPY's text format.
std::string copy_escaped(std::string_view text);

} // namespace pbx::db

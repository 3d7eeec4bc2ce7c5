// Splits SQL text into statements as psql does, without parsing their grammar.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::db {

/// One statement, from its first word up to its semicolon, as views into the text.
struct Statement {
    std::string_view text;
    std::size_t line = 0;           ///< line of its first word, from 1
    std::vector<std::string> words; ///< its first few words in capitals, comments left out
};

/// Splits at semicolons outside of quotes, dollar quotes, comments, parentheses, and bodies of SQL functions (BEGIN
/// ATOMIC ... END). Blanks and comments alone are not a statement.
std::vector<Statement> split_statements(std::string_view text);

/// Whether the statement begins or ends a transaction (BEGIN, COMMIT, ROLLBACK, PREPARE TRANSACTION, ...); savepoints
/// do not.
bool controls_transaction(const Statement& statement);

/// Whether it is a statement such as CREATE INDEX CONCURRENTLY.
bool is_concurrent(const Statement& statement);

/// The name, without quotes and schema, of the index that the statement creates; empty when it creates none, or one
/// without a name.
std::string name_of_created_index(const Statement& statement);

/// The line, from 1, of the `character`-th character, from 1, of UTF-8 text; that is how PostgreSQL counts.
std::size_t line_of_character(std::string_view text, std::size_t character);

} // namespace pbx::db

// The columns of pbx-calls' tables and of its CSV.
#pragma once

#include "base/table.hpp"
#include "cdr/journey.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace pbx::cdr {

/// "0:17" or "1:02:03".
std::string clock_time(std::chrono::seconds span);

/// How the cells of a table are written: for a person on a terminal, or for a program.
struct CellFormat {
    bool on_terminal;
    bool is_csv;
};

/// Of the list of calls. Their names are those of the fields in docs/json.md.
std::vector<Column> call_columns();
/// The cells of all these columns.
std::vector<std::string> cells_of(const Journey& call, const CellFormat& format);

/// The indices of the call_columns() that `names` lists, separated by commas. Throws Error (usage).
std::vector<std::size_t> choose_columns(const std::string& names);

/// Of the rows of one call.
std::vector<Column> row_columns();
std::vector<std::string> cells_of(const CdrRow& row, const CellFormat& format);

} // namespace pbx::cdr

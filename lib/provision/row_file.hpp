// Rows in a file: JSON lines, or CSV with a heading.
#pragma once

#include "provision/print.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pbx::provision {

struct FileRow {
    std::size_t line = 0; ///< where it begins, counted from 1
    Json fields;          ///< an object
};

/// The rows of a text that begins with "{" as JSON lines, of any other as CSV (RFC 4180). Empty cells of CSV are not
/// among the fields. Throws Error (data) with the number of the line.
std::vector<FileRow> parse_rows(std::string_view text);

} // namespace pbx::provision

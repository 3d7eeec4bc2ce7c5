// How wide the columns of a table are on a terminal.
#pragma once

#include "base/table.hpp"

#include <cstddef>
#include <vector>

namespace pbx {

/// The width of each column; 0 for one that is not shown. `longest` has the length of the longest cell of each column,
/// its heading among them. Columns that are kept come first, then their texts get the width that they need, then other
/// columns from the left, as long as they fit into `room`, with two blanks between columns. The first column is always
/// there, and as wide as its longest cell.
std::vector<std::size_t> table_widths(const std::vector<Column>& columns, const std::vector<std::size_t>& longest,
                                      std::size_t room);

} // namespace pbx

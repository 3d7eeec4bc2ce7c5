// The size of a terminal.
#pragma once

#include <cstddef>

namespace pbx {

/// Columns of the terminal that `fd` is open on; 80 when that is unknown.
std::size_t terminal_width(int fd);

} // namespace pbx

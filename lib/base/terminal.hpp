// What a descriptor's terminal is like.
#pragma once

#include <cstddef>

namespace pbx {

/// Columns of the terminal that `fd` is open on; 80 where it cannot be asked.
std::size_t terminal_width(int fd);

} // namespace pbx

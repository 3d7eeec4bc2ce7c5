// The terminals that a tool writes to.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pbx {

/// Columns of the terminal that `fd` is open on; 80 when that is unknown.
std::size_t terminal_width(int fd);

/// Whether a person reads stdout on a terminal, also through the pager that stands in front of it since.
bool stdout_is_terminal();
/// Columns of that terminal.
std::size_t stdout_width();

enum class Colour { none, red, green, yellow, bold };

/// `text` in this colour where stdout_is_terminal() and the terminal has colours; else `text`. NO_COLOR (no-color.org)
/// and TERM=dumb switch colours off.
std::string coloured(std::string_view text, Colour colour);

} // namespace pbx

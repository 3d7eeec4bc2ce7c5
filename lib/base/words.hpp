// Words to the operator: everything a tool says goes to stderr through here.
#pragma once

#include "base/error.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace pbx::words {

enum class Level { quiet, normal, verbose };

/// Set once, in main, before threads start: the tool's name, which begins each line, and how much it says.
void begin(std::string_view tool, Level level);
Level level();
const std::string& tool();

/// One line "tool: <text>" on stderr, printable(), so that a name from the network can neither forge a line
/// nor drive a terminal. Safe to call from several threads.
void line(std::string_view text);

/// A line on the terminal, cut to its width, that the next one replaces and line() erases; empty: only that. Only for a
/// stderr that is a terminal.
void draw(std::string_view text);

/// What erases the drawn line, for a signal handler that writes by itself; "" when there is none.
const char* erasure();

/// What went wrong, always shown: "tool: message", then "tool: hint: ...".
void error(const Error& error);

/// Something an operator should know although the work went on; not with -q.
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
    if (level() != Level::quiet)
        line(fmt::format(format, std::forward<Args>(args)...));
}

/// What was done and why; only with -v.
template <typename... Args>
void note(fmt::format_string<Args...> format, Args&&... args) {
    if (level() == Level::verbose)
        line(fmt::format(format, std::forward<Args>(args)...));
}

} // namespace pbx::words

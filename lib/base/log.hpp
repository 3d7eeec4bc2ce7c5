// Messages to the operator: tools write to stderr only through these functions.
#pragma once

#include "base/error.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace pbx::log {

enum class Level { quiet, normal, verbose };

/// Set once, in main, before threads start: the tool's name, which begins each line, and how much it prints.
void begin(std::string_view tool, Level level);
Level level();
const std::string& tool();

/// One line "tool: <text>" on stderr, printable(), so that a name from the network can neither forge a line nor control
/// a terminal. Safe to call from several threads.
void line(std::string_view text);

/// Draws a line, cut to the terminal's width. The next one replaces it, and line() erases it. Empty text only erases.
/// Only for a stderr that is a terminal.
void draw(std::string_view text);

/// The text that erases the drawn line, for a signal handler that calls write(); "" when there is none.
const char* erasure();

/// What went wrong, always shown: "tool: message", then "tool: hint: ...".
void error(const Error& error);

/// Something an operator should know although the work continues; not with -q.
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

} // namespace pbx::log

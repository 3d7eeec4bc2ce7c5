// What a tool prints on stdout: its report, its list, its document.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace pbx::output {

/// What happens when the reader of our stdout goes away, as `head` does.
enum class WithoutReader {
    stop,    ///< ReaderGone is thrown: printing is all that the tool does
    continue_ ///< what is printed from then on is dropped: the tool's work goes on
};

/// Set once, before threads start; `stop` is the default.
void without_reader(WithoutReader what);

/// Appends to stdout's buffer, which is written when it is full, and line by line to a terminal. Safe to call from
/// several threads. Throws Error (cant_create) "cannot write to stdout: ...", or ReaderGone.
void write(std::string_view text);

template <typename... Args>
void print(fmt::format_string<Args...> format, Args&&... args) {
    write(fmt::format(format, std::forward<Args>(args)...));
}

/// Writes out what is in the buffer. Throws as write() does. App::run calls it at the end of every tool.
void flush();

} // namespace pbx::output

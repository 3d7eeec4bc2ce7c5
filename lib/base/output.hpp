// What a tool prints on stdout: its report, its list, its document.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace pbx::output {

/// For a tool whose work does not end when its report cannot be printed: from now on a reader that goes away causes no
/// ReaderGone, and other errors are thrown only by flush(). What is printed after either is dropped.
void go_on_without_reader();

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

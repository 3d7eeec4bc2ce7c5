// What a tool prints on stdout: its report, list or document.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace pbx::output {

/// For a tool that must finish its work even when its report cannot be printed: from now on a closed pipe causes no
/// ReaderGone, and only flush() throws other errors. After either, output is dropped.
void go_on_without_reader();

/// Appends to stdout's buffer, which is written when it is full, and line by line to a terminal. Safe to call from
/// several threads. Throws Error (cant_create) "cannot write to stdout: ...", or ReaderGone.
void write(std::string_view text);

template <typename... Args>
void print(fmt::format_string<Args...> format, Args&&... args) {
    write(fmt::format(format, std::forward<Args>(args)...));
}

/// Writes out the buffer. Throws like write(). App::run calls it at the end of every tool.
void flush();

} // namespace pbx::output

// Writes each line with one write(2), so that lines of several threads and processes do not mix.
#include "base/log.hpp"

#include "base/printable.hpp"
#include "base/terminal.hpp"

#include <unistd.h>

#include <atomic>
#include <mutex>

namespace pbx::log {

namespace {

std::string tool_name = "pbx";
Level tool_level = Level::normal;

constexpr const char* erase_line = "\r\x1b[K";
std::mutex terminal;
std::atomic<bool> drawn = false;

void put(const std::string& text) {
    // If stderr cannot be written, there is no way to report that.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

} // namespace

void begin(std::string_view tool, Level level) {
    tool_name = tool;
    tool_level = level;
}

Level level() {
    return tool_level;
}

const std::string& tool() {
    return tool_name;
}

void line(std::string_view text) {
    const std::lock_guard lock{terminal};
    std::string out = erasure();
    drawn = false;
    out += tool_name + ": " + printable(text) + "\n";
    put(out);
}

void draw(std::string_view text) {
    const std::lock_guard lock{terminal};
    std::string out = erasure();
    drawn = !text.empty();
    // Leave the last column free: a terminal may begin a new line after it.
    if (drawn)
        out =
            erase_line + fmt::format("{}: {}", tool_name, printable(text)).substr(0, terminal_width(STDERR_FILENO) - 1);
    if (!out.empty())
        put(out);
}

const char* erasure() {
    return drawn ? erase_line : "";
}

void error(const Error& error) {
    line(error.what());
    if (!error.hint().empty())
        line("hint: " + error.hint());
}

} // namespace pbx::log

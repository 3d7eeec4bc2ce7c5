// TIOCGWINSZ; a terminal over a serial line reports 0 columns. What stdout is, is asked once: a pager replaces it.
#include "base/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

namespace pbx {

namespace {

std::string_view variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string_view{} : std::string_view{value};
}

bool has_colours() {
    static const bool has =
        stdout_is_terminal() && variable("NO_COLOR").empty() && !variable("TERM").empty() && variable("TERM") != "dumb";
    return has;
}

// ECMA-48, "select graphic rendition".
const char* sequence_of(Colour colour) {
    switch (colour) {
    case Colour::red:
        return "\x1b[31m";
    case Colour::green:
        return "\x1b[32m";
    case Colour::yellow:
        return "\x1b[33m";
    case Colour::bold:
        return "\x1b[1m";
    case Colour::none:
        break;
    }
    return "";
}

} // namespace

std::size_t terminal_width(int fd) {
    constexpr std::size_t standard = 80;
    winsize size{};
    return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : standard;
}

bool stdout_is_terminal() {
    static const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
    return is_terminal;
}

std::size_t stdout_width() {
    static const std::size_t width = terminal_width(STDOUT_FILENO);
    return width;
}

std::string coloured(std::string_view text, Colour colour) {
    if (colour == Colour::none || text.empty() || !has_colours())
        return std::string{text};
    return sequence_of(colour) + std::string{text} + "\x1b[0m";
}

} // namespace pbx

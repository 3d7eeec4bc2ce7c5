// TIOCGWINSZ; a terminal over a serial line reports 0 columns.
#include "base/terminal.hpp"

#include <sys/ioctl.h>

namespace pbx {

std::size_t terminal_width(int fd) {
    constexpr std::size_t standard = 80;
    winsize size{};
    return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : standard;
}

} // namespace pbx

// Writes each line with one write(2), so that lines of several threads and processes do not mix.
#include "base/words.hpp"

#include <unistd.h>

namespace pbx::words {

namespace {

std::string tool_name = "pbx";
Level tool_level = Level::normal;

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
    std::string out = tool_name + ": ";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f)
            out += fmt::format("\\x{:02x}", byte);
        else
            out += c;
    }
    out += '\n';
    // Nobody is left to tell when stderr cannot be written.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, out.data(), out.size());
}

void error(const Error& error) {
    line(error.what());
    if (!error.hint().empty())
        line("hint: " + error.hint());
}

} // namespace pbx::words

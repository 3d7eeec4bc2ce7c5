// One buffer over write(2): stdio and fmt lose the reason why a write failed, or hide it in a text of theirs.
#include "base/output.hpp"

#include "base/fd.hpp"

#include <unistd.h>

#include <mutex>
#include <string>
#include <utility>

namespace pbx::output {

namespace {

std::mutex guard;
std::string buffer;
bool reader_is_gone = false;
auto when_reader_goes = WithoutReader::stop;

void write_out() {
    // A write that failed is not repeated with the same bytes when the tool ends.
    const auto text = std::exchange(buffer, {});
    try {
        write_all(STDOUT_FILENO, text, "to stdout");
    } catch (const ReaderGone&) {
        reader_is_gone = true;
        if (when_reader_goes == WithoutReader::stop)
            throw;
    }
}

} // namespace

void without_reader(WithoutReader what) {
    when_reader_goes = what;
}

void write(std::string_view text) {
    constexpr std::size_t full = 1U << 16U;
    static const bool on_terminal = ::isatty(STDOUT_FILENO) == 1;
    const std::lock_guard lock{guard};
    if (reader_is_gone)
        return;
    buffer += text;
    if (buffer.size() >= full || (on_terminal && text.ends_with('\n')))
        write_out();
}

void flush() {
    const std::lock_guard lock{guard};
    write_out();
}

} // namespace pbx::output

// One buffer over write(2): stdio and fmt lose the reason why a write failed, or hide it in their own message.
#include "base/output.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/terminal.hpp"

#include <unistd.h>

#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace pbx::output {

namespace {

std::mutex guard;
std::string buffer;
bool is_closed = false; // nothing more can be written
bool goes_on = false;
std::optional<Error> failure;

void write_out() {
    // Empty the buffer first, so that flush() does not repeat a failed write.
    const auto text = std::exchange(buffer, {});
    if (is_closed)
        return;
    try {
        write_all(STDOUT_FILENO, text, "to stdout");
    } catch (const ReaderGone&) {
        is_closed = true;
        if (!goes_on)
            throw;
    } catch (const Error& error) {
        is_closed = true;
        if (!goes_on)
            throw;
        failure = error;
    }
}

} // namespace

void go_on_without_reader() {
    goes_on = true;
}

void write(std::string_view text) {
    constexpr std::size_t full = 1U << 16U;
    static const bool on_terminal = stdout_is_terminal();
    const std::lock_guard lock{guard};
    buffer += text;
    if (buffer.size() >= full || (on_terminal && text.ends_with('\n')))
        write_out();
}

void flush() {
    const std::lock_guard lock{guard};
    write_out();
    if (const auto error = std::exchange(failure, std::nullopt))
        throw Error{*error};
}

} // namespace pbx::output

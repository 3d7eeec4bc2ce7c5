#include "collect/gathered_answer.hpp"

#include "base/error.hpp"

#include <unistd.h>

namespace pbx::collect {

recording::Part GatheredAnswer::begin(const recording::AnswerHeaders& headers) {
    discard();
    headers_ = headers;
    return {0, headers.length};
}

void GatheredAnswer::begin_copy() {
    if (is_copy_)
        return;
    const Fd first = std::exchange(body_, nameless_file());
    is_copy_ = true;
    if (first)
        copy_bytes(first.get(), 0, size_of(first.get(), "the recording"), body_.get(), "the recording");
}

void GatheredAnswer::add(std::string_view data) {
    begin_copy();
    write_all(body_.get(), data, "a temporary file");
}

void GatheredAnswer::add(int file, std::uint64_t offset, std::uint64_t length, std::string_view what) {
    if (!body_ && offset == 0 && length == size_of(file, what)) {
        body_ = Fd{::dup(file)};
        return;
    }
    begin_copy();
    copy_bytes(file, offset, length, body_.get(), what);
}

bool GatheredAnswer::discard() {
    body_ = Fd{};
    is_copy_ = false;
    return true;
}

} // namespace pbx::collect

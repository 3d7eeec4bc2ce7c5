#include "recording/answer.hpp"

namespace pbx::recording {

void Answer::found(const cdr::Call& /*call*/) {}

// NOLINTNEXTLINE(performance-unnecessary-value-param): those who override it change theirs
void Answer::send_file(AnswerHeaders headers, int file, const std::string& what) {
    const auto part = begin(headers);
    if (part.length > 0)
        add(file, part.offset, part.length, what);
    finish();
}

} // namespace pbx::recording

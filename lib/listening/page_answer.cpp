// Nothing of a recording but its header is read.
#include "listening/page_answer.hpp"

#include <algorithm>

namespace pbx::listening {

void PageAnswer::found(const cdr::Call& call) {
    require_linked_leg(work_.linked, call);
    played_.call = call;
}

recording::Part PageAnswer::begin(const recording::AnswerHeaders& headers) {
    played_.recording = headers;
    auto& wav = played_.recording.wav;
    const auto size = headers.length - std::min(headers.length, wav ? wav->data_offset : 0);
    if (wav && (wav->data_size == 0 || wav->data_size > size))
        wav->data_size = size;
    return {};
}

void PageAnswer::add(std::string_view /*data*/) {}

void PageAnswer::add(int /*file*/, std::uint64_t /*offset*/, std::uint64_t /*length*/, std::string_view /*what*/) {}

void PageAnswer::send_file(recording::AnswerHeaders headers, int file, const std::string& what) {
    headers.wav = audio::read_wav_header(file, what);
    Answer::send_file(std::move(headers), file, what);
}

void PageAnswer::finish() {
    const auto page = player_page(work_.request, grant_, played_);
    work_.response.send(200, "text/html; charset=utf-8", page.html,
                        {"Cache-Control: private, no-store", "Content-Security-Policy: " + page.policy});
}

} // namespace pbx::listening

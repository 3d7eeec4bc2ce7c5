// The end of the object waits in memory until everything before it has been checked.
#include "recording/send_object.hpp"

#include "base/checksum.hpp"
#include "recording/absence.hpp"
#include "recording/damage.hpp"
#include "recording/object_beginning.hpp"
#include "remote/transfer.hpp"

#include <algorithm>

namespace pbx::recording {

namespace {

constexpr const char* rebuilt_with_output =
    "give -o FILE: a damaged recording is then never passed on, and the legs are joined instead";

AnswerHeaders headers_of(const ServedObject& served, const Content& expected) {
    auto headers = served.headers;
    headers.length = expected.size;
    headers.content = expected;
    headers.wav = served.wav;
    return headers;
}

class CheckedStream {
  public:
    CheckedStream(Answer& answer, const Content& expected, const ObjectDecision& decide)
        : answer_{answer}, expected_{expected}, decide_{decide} {}

    void add(std::string_view data) {
        constexpr std::size_t held_back = 1U << 16U;
        held_ += data;
        if (served_) {
            checksum_.add(data);
        } else {
            served_ = decide_(held_, held_.size() >= expected_.size);
            if (!served_)
                return;
            checksum_.add(std::string_view{held_}.substr(served_->data_offset));
        }
        if (held_.size() > held_back) {
            const auto ready = held_.size() - held_back;
            send(std::string_view{held_}.substr(0, ready));
            held_.erase(0, ready);
        }
    }

    void finish(const std::string& name) {
        if (!served_)
            throw Absent{"empty", name + " in the archive is empty"};
        if (const auto fault = find_damage(served_->manifest, checksum_.hex()); !fault.empty())
            throw Error{Exit::data, name + " in the archive: " + fault, rebuilt_with_output};
        send(held_);
        answer_.finish();
    }

  private:
    void send(std::string_view data) {
        if (!has_begun_) {
            answer_.begin(headers_of(*served_, expected_));
            has_begun_ = true;
        }
        answer_.add(data);
    }

    Answer& answer_;
    const Content& expected_;
    const ObjectDecision& decide_;
    std::string held_;
    std::optional<ServedObject> served_;
    bool has_begun_ = false;
    Checksum checksum_;
};

bool send_whole(FetchWork& work, Shelf shelf, const std::string& name, const Content& expected,
                const ObjectDecision& decide) {
    CheckedStream stream{work.answer, expected, decide};
    try {
        if (!stream_object(
                *work.sources.archive(), shelf, name, expected, [&](std::string_view data) { stream.add(data); },
                work.deadline))
            return false;
    } catch (const Error& error) {
        if (error.status() != Exit::data || shelf != Shelf::stitched)
            throw;
        throw Error{Exit::data, error.what(), rebuilt_with_output};
    }
    stream.finish(name);
    return true;
}

// Reads more and more of the object until `decide` has enough. Nothing when the object is definitely absent.
std::optional<ServedObject> decide_early(FetchWork& work, Shelf shelf, const std::string& name, const Content& expected,
                                         const ObjectDecision& decide) {
    constexpr std::uint64_t first_block = 1U << 15U;
    for (auto length = first_block;; length *= 8) {
        const auto beginning = find_beginning(work, shelf, name, expected, length);
        if (!beginning)
            return std::nullopt;
        const bool is_all = beginning->bytes.size() >= expected.size;
        auto served = decide(beginning->bytes, is_all);
        if (!served && is_all)
            throw Absent{"empty", name + " in the archive is empty"};
        if (!served)
            continue;
        keep_beginning(work, expected, *beginning, std::max(served->wav.data_offset + 1, first_block));
        return served;
    }
}

bool send_part(FetchWork& work, Shelf shelf, const std::string& name, const Content& expected,
               const ObjectDecision& decide) {
    const auto served = decide_early(work, shelf, name, expected, decide);
    if (!served)
        return false;
    const auto part = work.answer.begin(headers_of(*served, expected));
    if (part == Part{0, expected.size} && work.answer.discard())
        return send_whole(work, shelf, name, expected, decide);
    if (part.length > 0)
        stream_part(
            *work.sources.archive(), shelf, name, part.offset, part.length,
            [&](std::string_view data) { work.answer.add(data); }, work.deadline);
    work.answer.finish();
    return true;
}

} // namespace

bool send_object(FetchWork& work, Shelf shelf, const std::string& name, const Content& expected,
                 const ObjectDecision& decide) {
    return work.answer.may_want_part() ? send_part(work, shelf, name, expected, decide)
                                       : send_whole(work, shelf, name, expected, decide);
}

void require_undamaged(FetchWork& work, Shelf shelf, const std::string& name, const Content& expected) {
    stream_object(
        *work.sources.archive(), shelf, name, expected, [](std::string_view) {}, work.deadline);
}

} // namespace pbx::recording

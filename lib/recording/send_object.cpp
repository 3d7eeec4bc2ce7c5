// The end of the object waits in memory until everything before it has been checked.
#include "recording/send_object.hpp"

#include "base/checksum.hpp"
#include "recording/damage.hpp"
#include "remote/transfer.hpp"

namespace pbx::recording {

namespace {

constexpr const char* rebuilt_with_output =
    "give -o FILE: a damaged recording is then never passed on, and the legs are joined instead";

class CheckedStream {
  public:
    CheckedStream(Answer& answer, std::uint64_t size, const ObjectDecision& decide)
        : answer_{answer}, size_{size}, decide_{decide} {}

    void add(std::string_view data) {
        constexpr std::size_t held_back = 1U << 16U;
        held_ += data;
        if (served_) {
            checksum_.add(data);
        } else {
            served_ = decide_(held_, held_.size() >= size_);
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
            throw Error{Exit::no_input, name + " in the archive is empty"};
        if (const auto fault = find_damage(served_->manifest, checksum_.hex()); !fault.empty())
            throw Error{Exit::data, name + " in the archive: " + fault, rebuilt_with_output};
        send(held_);
        answer_.finish();
    }

  private:
    void send(std::string_view data) {
        if (!has_begun_) {
            served_->headers.length = size_;
            answer_.begin(served_->headers);
            has_begun_ = true;
        }
        answer_.add(data);
    }

    Answer& answer_;
    std::uint64_t size_;
    const ObjectDecision& decide_;
    std::string held_;
    std::optional<ServedObject> served_;
    bool has_begun_ = false;
    Checksum checksum_;
};

} // namespace

bool send_object(FetchWork& work, Shelf shelf, const std::string& name, const Content& expected,
                 const ObjectDecision& decide) {
    CheckedStream stream{work.answer, expected.size, decide};
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

void require_undamaged(FetchWork& work, Shelf shelf, const std::string& name, const Content& expected) {
    stream_object(
        *work.sources.archive(), shelf, name, expected, [](std::string_view) {}, work.deadline);
}

} // namespace pbx::recording

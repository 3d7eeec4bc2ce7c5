// Finds where a leg's audio ends, and gives libsndfile a header with that length.
#include "audio/leg_audio.hpp"

#include "base/error.hpp"

#include <fmt/format.h>
#include <sndfile.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <exception>
#include <vector>

namespace pbx::audio {

LegAudio::LegAudio(Fd file, std::string what) : file_{std::move(file)}, what_{std::move(what)} {
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0)
        throw system_error(Exit::io, "cannot look at " + what_, errno);
    try {
        header_ = read_wav_header(file_.get(), what_);
    } catch (const Error& error) {
        if (error.status() != Exit::data)
            throw;
        throw Error{Exit::data, what_ + ": " + error.what()};
    }
    const auto size = static_cast<std::uint64_t>(status.st_size);
    const auto available = size - std::min(size, header_.data_offset);
    const auto declared = header_.data_size;
    // Asterisk writes both sizes when it closes the file: if both are still zero, it never closed the file. A machine
    // that lost its power, or a recorder that continued the file and died, leaves sizes that end before the audio does.
    const bool is_open = declared == 0 && available > 0 && header_.riff_size + 8 <= header_.data_offset;
    unfinished_ = is_open || (declared != WavHeader::open_ended && declared < available && !has_chunks_behind(size));
    const bool to_the_end = unfinished_ || declared == WavHeader::open_ended;
    truncated_ = !to_the_end && declared > available;
    data_bytes_ = to_the_end ? available : std::min(declared, available);
    data_bytes_ -= data_bytes_ % header_.format.block;
    const auto blocks = data_bytes_ / header_.format.block;
    frames_ = header_.format.tag == WavFormat::gsm ? blocks * gsm_block_frames : blocks;
    whole_ = frames_;
}

// Whether what follows the data are RIFF chunks up to the end of the file.
bool LegAudio::has_chunks_behind(std::uint64_t size) const {
    constexpr std::size_t head = 8;
    constexpr int most = 64;
    auto at = header_.data_offset + header_.data_size + header_.data_size % 2;
    for (int chunks = 0; chunks < most && at + head <= size; ++chunks) {
        std::array<char, head> bytes{};
        if (read_at(file_.get(), bytes, at, what_) != head)
            return false;
        if (!std::all_of(bytes.begin(), bytes.begin() + 4, [](char c) { return c >= ' ' && c <= '~'; }))
            return false;
        std::uint64_t length = 0;
        for (std::size_t i = head; i-- > 4;)
            length = length << 8U | static_cast<unsigned char>(bytes[i]);
        at += head + length;
        if (at < size)
            at += length % 2;
    }
    return at >= size ? at <= size + 1 : size - at < 2;
}

void LegAudio::keep_first(Frames frames) {
    frames_ = std::min(frames, frames_);
    if (shape().is_raw())
        data_bytes_ = frames_ * header_.format.block;
}

struct LegDecoder::State {
    const LegAudio& leg;
    std::string header; ///< our own: the leg's can have wrong sizes, and a manifest too long for libsndfile
    sf_count_t position = 0;
    std::unique_ptr<SNDFILE, decltype(&::sf_close)> file{nullptr, &::sf_close};
    SF_INFO info{};
    Frames left;                   ///< libsndfile rounds GSM up to a whole block
    std::exception_ptr read_error; ///< of a read(), since an exception must not pass through libsndfile

    explicit State(const LegAudio& audio) : leg{audio}, left{audio.frames()} {}

    sf_count_t length() const { return static_cast<sf_count_t>(header.size() + leg.data_bytes()); }

    sf_count_t read(char* to, sf_count_t count) {
        sf_count_t done = 0;
        const auto begin = static_cast<sf_count_t>(header.size());
        if (position < begin) {
            done = std::min(count, begin - position);
            std::memcpy(to, header.data() + position, static_cast<std::size_t>(done));
        }
        if (const auto rest = std::min(count, length() - position) - done; rest > 0)
            done += static_cast<sf_count_t>(
                read_at(leg.fd(), {to + done, static_cast<std::size_t>(rest)},
                        leg.data_offset() + static_cast<std::uint64_t>(position + done - begin), leg.what()));
        position += done;
        return done;
    }

    static SF_VIRTUAL_IO io() {
        SF_VIRTUAL_IO calls{};
        calls.get_filelen = [](void* user) { return static_cast<State*>(user)->length(); };
        calls.seek = [](sf_count_t offset, int whence, void* user) {
            auto* self = static_cast<State*>(user);
            const sf_count_t base = whence == SEEK_CUR ? self->position : whence == SEEK_END ? self->length() : 0;
            return self->position = std::clamp<sf_count_t>(base + offset, 0, self->length());
        };
        calls.read = [](void* to, sf_count_t count, void* user) -> sf_count_t {
            auto* self = static_cast<State*>(user);
            try {
                return self->read(static_cast<char*>(to), count);
            } catch (const Error&) {
                self->read_error = std::current_exception();
                return 0;
            }
        };
        calls.write = [](const void*, sf_count_t, void*) -> sf_count_t { return 0; };
        calls.tell = [](void* user) { return static_cast<State*>(user)->position; };
        return calls;
    }
};

LegDecoder::LegDecoder(const LegAudio& leg) : state_{std::make_unique<State>(leg)} {
    state_->header = make_wav_header(leg.format(), {}, leg.data_bytes());
    auto calls = State::io();
    state_->file.reset(::sf_open_virtual(&calls, SFM_READ, &state_->info, state_.get()));
    if (state_->read_error)
        std::rethrow_exception(state_->read_error);
    if (!state_->file || ::sf_error(state_->file.get()) != SF_ERR_NO_ERROR)
        throw Error{Exit::data, fmt::format("{} cannot be decoded: {}", leg.what(), ::sf_strerror(state_->file.get()))};
}

LegDecoder::~LegDecoder() = default;

Frames LegDecoder::read(std::span<short> samples) {
    const auto channels = static_cast<std::size_t>(state_->info.channels);
    const auto want = std::min<Frames>(samples.size() / channels, state_->left);
    const auto got = ::sf_readf_short(state_->file.get(), samples.data(), static_cast<sf_count_t>(want));
    if (state_->read_error)
        std::rethrow_exception(state_->read_error);
    if (got < 0 || ::sf_error(state_->file.get()) != SF_ERR_NO_ERROR)
        throw Error{Exit::data,
                    fmt::format("{} cannot be decoded: {}", state_->leg.what(), ::sf_strerror(state_->file.get()))};
    state_->left -= static_cast<Frames>(got);
    return static_cast<Frames>(got);
}

int count_heard_channels(const LegAudio& leg) {
    constexpr std::size_t frames_at_once = 8192;
    constexpr int quiet = 8; // A-law has no zero
    const std::size_t channels = leg.format().channels;
    std::vector<bool> heard(channels, false);
    std::vector<short> samples(frames_at_once * channels);
    LegDecoder decoder{leg};
    while (std::find(heard.begin(), heard.end(), false) != heard.end()) {
        const auto count = decoder.read(samples) * channels;
        if (count == 0)
            break;
        for (std::size_t i = 0; i < count; ++i)
            if (samples[i] > quiet || samples[i] < -quiet)
                heard[i % channels] = true;
    }
    return static_cast<int>(std::count(heard.begin(), heard.end(), true));
}

} // namespace pbx::audio

// FLAC is lossless; Opus (RFC 6716) and MP3 make small files. None of libsndfile 1.2.0's encoders reports a full disk
// when it is closed, so every result is decoded again and its frames are counted.
#include "audio/encode.hpp"

#include "audio/sndfile_writer.hpp"
#include "base/error.hpp"
#include "base/progress.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sndfile.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

namespace pbx::audio {

namespace {

int format_of(Encoding encoding) {
    switch (encoding) {
    case Encoding::flac:
        return SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
    case Encoding::opus:
        return SF_FORMAT_OGG | SF_FORMAT_OPUS;
    case Encoding::mp3:
        return SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III;
    case Encoding::wav:
        break;
    }
    return SF_FORMAT_WAV | SF_FORMAT_PCM_16;
}

using SndFile = std::unique_ptr<SNDFILE, int (*)(SNDFILE*)>;

constexpr std::size_t block_frames = 1U << 14U;

// The frames that a decoder really finds in the file, whatever its header declares.
Frames decoded_frames(int fd, const std::string& what) {
    SF_INFO info{};
    const int own = ::lseek(fd, 0, SEEK_SET) == 0 ? ::fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1; // libsndfile closes it
    if (own < 0)
        throw system_error(Exit::io, "cannot read " + what + " back", errno);
    const SndFile file{::sf_open_fd(own, SFM_READ, &info, SF_TRUE), &::sf_close};
    if (!file)
        return 0;
    std::vector<short> samples(block_frames * static_cast<std::size_t>(info.channels));
    Frames frames = 0;
    while (const auto got = ::sf_readf_short(file.get(), samples.data(), block_frames))
        frames += static_cast<Frames>(got);
    return frames;
}

} // namespace

const char* encoding_name(Encoding encoding) {
    switch (encoding) {
    case Encoding::flac:
        return "flac";
    case Encoding::opus:
        return "opus";
    case Encoding::mp3:
        return "mp3";
    case Encoding::wav:
        break;
    }
    return "wav";
}

const char* media_type(Encoding encoding) {
    switch (encoding) {
    case Encoding::flac:
        return "audio/flac";
    case Encoding::opus:
        return "audio/ogg";
    case Encoding::mp3:
        return "audio/mpeg";
    case Encoding::wav:
        break;
    }
    return "audio/wav";
}

void encode(const LegAudio& wav, Encoding encoding, int out, const std::string& what, Progress* progress) {
    SF_INFO info{};
    info.samplerate = static_cast<int>(wav.format().rate);
    info.channels = wav.format().channels;
    info.format = format_of(encoding);
    if (::sf_format_check(&info) == 0)
        throw Error{Exit::data,
                    fmt::format("{}: {} Hz cannot be encoded as {}", what, info.samplerate, media_type(encoding)),
                    "use --format flac, which supports every sample rate"};
    SndFile file{open_to_write(out, info), &::sf_close};
    if (!file)
        throw Error{Exit::cant_create, what + " cannot be encoded: " + ::sf_strerror(nullptr)};
    const auto set = [&](int kind, const std::string& text) {
        if (!text.empty())
            ::sf_set_string(file.get(), kind, text.c_str());
    };
    set(SF_STR_TITLE, wav.info().title);
    set(SF_STR_ARTIST, wav.info().artist);
    set(SF_STR_DATE, wav.info().date);

    LegDecoder decoder{wav};
    std::vector<short> samples(block_frames * wav.format().channels);
    Frames done = 0;
    if (progress != nullptr)
        progress->expect(wav.frames(), 0);
    while (const auto got = decoder.read(samples)) {
        const auto frames = static_cast<sf_count_t>(got);
        if (::sf_writef_short(file.get(), samples.data(), frames) != frames)
            throw Error{Exit::cant_create, what + " cannot be encoded: " + ::sf_strerror(file.get())};
        done += got;
        if (progress != nullptr)
            progress->add(got, 0);
    }
    if (done != wav.frames())
        throw Error{Exit::data, fmt::format("{} cannot be decoded: {} of {} frames", what, done, wav.frames())};
    file.reset();
    if (const auto found = decoded_frames(out, what); found != done)
        throw Error{Exit::cant_create,
                    fmt::format("{} cannot be encoded as {}: {} of {} frames were written", what, media_type(encoding),
                                found, done),
                    "free some space in $TMPDIR or /tmp, and check the file size limit (ulimit -f)"};
}

} // namespace pbx::audio

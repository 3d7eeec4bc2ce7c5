// FLAC loses nothing; Opus (RFC 6716) and MP3 are for a mail.
#include "audio/encode.hpp"

#include "audio/sndfile_writer.hpp"
#include "base/error.hpp"
#include "base/progress.hpp"

#include <fmt/format.h>
#include <sndfile.h>

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

} // namespace

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

void encode(const LegAudio& wav, Encoding encoding, int out, const std::string& what) {
    SF_INFO info{};
    info.samplerate = static_cast<int>(wav.format().rate);
    info.channels = wav.format().channels;
    info.format = format_of(encoding);
    if (::sf_format_check(&info) == 0)
        throw Error{Exit::data,
                    fmt::format("{}: {} Hz cannot be encoded as {}", what, info.samplerate, media_type(encoding)),
                    "flac takes every rate"};
    const std::unique_ptr<SNDFILE, int (*)(SNDFILE*)> file{open_to_write(out, info), &::sf_close};
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
    constexpr std::size_t block_frames = 1U << 14U;
    std::vector<short> samples(block_frames * wav.format().channels);
    Frames done = 0;
    Progress progress{"encoding", "samples"};
    progress.expect(wav.frames(), 0);
    while (const auto got = decoder.read(samples)) {
        const auto frames = static_cast<sf_count_t>(got);
        if (::sf_writef_short(file.get(), samples.data(), frames) != frames)
            throw Error{Exit::cant_create, what + " cannot be encoded: " + ::sf_strerror(file.get())};
        done += got;
        progress.add(got, 0);
    }
    if (done != wav.frames())
        throw Error{Exit::data, fmt::format("{} cannot be decoded: {} of {} frames", what, done, wav.frames())};
}

} // namespace pbx::audio

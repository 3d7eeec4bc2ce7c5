// The hashes and levels of the usual formats come from one pass over the bytes; libsndfile decodes the others
// afterwards.
#include "audio/file_facts.hpp"

#include "audio/leg_audio.hpp"
#include "audio/weave.hpp"
#include "base/checksum.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string_view>

namespace pbx::audio {

namespace {

std::optional<LegAudio> find_audio(int fd, const std::string& what) {
    Fd own{::dup(fd)};
    if (!own)
        throw system_error(Exit::io, "cannot read " + what, errno);
    try {
        return LegAudio{std::move(own), what};
    } catch (const Error& error) {
        if (error.status() != Exit::data)
            throw;
        return std::nullopt;
    }
}

std::string codec_of(const WavFormat& format) {
    switch (format.tag) {
    case WavFormat::alaw:
        return "alaw";
    case WavFormat::mulaw:
        return "mulaw";
    case WavFormat::gsm:
        return "gsm";
    default:
        return "pcm" + std::to_string(format.bits);
    }
}

// The part of `bytes`, which begin at `offset` in the file, that lies between `begin` and `end`.
std::string_view part(std::string_view bytes, std::uint64_t offset, std::uint64_t begin, std::uint64_t end) {
    const auto last = offset + bytes.size();
    if (begin >= last || end <= offset)
        return {};
    const auto from = std::max(begin, offset);
    return bytes.substr(from - offset, std::min(end, last) - from);
}

std::vector<ChannelLevels> decoded_levels(const LegAudio& audio) {
    constexpr std::size_t frames_at_once = 4096;
    LevelMeter meter{audio.format()};
    std::vector<short> samples(frames_at_once * audio.format().channels);
    try {
        LegDecoder decoder{audio};
        while (const auto frames = decoder.read(samples))
            meter.add_samples(std::span{samples}.first(frames * audio.format().channels));
    } catch (const Error& error) {
        if (error.status() != Exit::data)
            throw;
        return {};
    }
    return meter.levels();
}

class Pass {
  public:
    Pass(const std::optional<LegAudio>& audio, DataChecksum data_checksum) : audio_{audio} {
        if (audio && LevelMeter::decodes(audio->format()))
            meter_.emplace(audio->format());
        if (audio && data_checksum == DataChecksum::wanted)
            data_checksum_.emplace();
    }

    void add(std::string_view bytes) {
        const auto offset = hash_.size();
        hash_.add(bytes);
        if (data_checksum_)
            data_checksum_->add(part(bytes, offset, audio_->data_offset(), offset + bytes.size()));
        if (meter_)
            meter_->add_bytes(part(bytes, offset, audio_->data_offset(), audio_->data_offset() + audio_->data_bytes()));
    }

    FileFacts finish() {
        FileFacts facts;
        facts.content = hash_.finish();
        if (data_checksum_)
            facts.data_checksum = data_checksum_->hex();
        if (audio_)
            facts.audio = AudioFacts{audio_->frames(),
                                     audio_->format().rate,
                                     audio_->format().channels,
                                     codec_of(audio_->format()),
                                     meter_ ? meter_->levels() : decoded_levels(*audio_),
                                     is_cut(*audio_)};
        return facts;
    }

  private:
    const std::optional<LegAudio>& audio_;
    ContentHash hash_;
    std::optional<Checksum> data_checksum_;
    std::optional<LevelMeter> meter_;
};

} // namespace

FileFacts take_facts(int fd, std::uint64_t size, const std::string& what, DataChecksum data_checksum) {
    const auto audio = find_audio(fd, what);
    Pass pass{audio, data_checksum};
    read_blocks(fd, 0, size, what, [&](std::string_view bytes) { pass.add(bytes); });
    return pass.finish();
}

} // namespace pbx::audio

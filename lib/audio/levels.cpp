// Blocks of a fixed size, so that the compiler can use vector instructions.
#include "audio/levels.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <iterator>

namespace pbx::audio {

namespace {

constexpr std::size_t block_size = 64; // less than 20 ms: a run of silence cannot begin and end within one block
constexpr short quietest = 8;
constexpr double full_scale = 32768;

using Table = std::array<short, 256>;

// ITU-T G.711.
constexpr short from_mulaw(unsigned code) {
    constexpr int bias = 0x84;
    code = ~code & 0xffU;
    const int magnitude = static_cast<int>((((code & 0x0fU) << 3U) + bias) << ((code & 0x70U) >> 4U)) - bias;
    return static_cast<short>((code & 0x80U) != 0 ? -magnitude : magnitude);
}

constexpr short from_alaw(unsigned code) {
    code ^= 0x55U;
    const unsigned segment = (code & 0x70U) >> 4U;
    const unsigned step = (code & 0x0fU) << 4U;
    const unsigned magnitude = segment == 0 ? step + 8 : (step + 0x108U) << (segment - 1);
    return static_cast<short>((code & 0x80U) != 0 ? static_cast<int>(magnitude) : -static_cast<int>(magnitude));
}

template <typename Decode>
constexpr Table make_table(Decode decode) {
    Table table{};
    for (unsigned code = 0; code < table.size(); ++code)
        table.at(code) = decode(code);
    return table;
}

constexpr Table mulaw_table = make_table(from_mulaw);
constexpr Table alaw_table = make_table(from_alaw);

bool is_quiet(short sample) {
    return sample >= -quietest && sample <= quietest;
}

unsigned char byte_at(std::string_view bytes, std::size_t at) {
    return static_cast<unsigned char>(bytes[at]);
}

double decibels(double amplitude) {
    return 20 * std::log10(amplitude / full_scale);
}

} // namespace

void ChannelMeter::add(std::span<const short> samples) {
    frames_ += samples.size();
    for (; !samples.empty(); samples = samples.subspan(std::min(block_size, samples.size())))
        add_block(samples.first(std::min(block_size, samples.size())));
}

void ChannelMeter::add_block(std::span<const short> samples) {
    std::array<short, block_size> padded;
    const short* block = samples.data();
    if (samples.size() < block_size) {
        padded.fill(0);
        std::copy(samples.begin(), samples.end(), padded.begin());
        block = padded.data();
    }
    short low = 0;
    short high = 0;
    std::uint64_t squares = 0;
    for (std::size_t i = 0; i < block_size; ++i) {
        low = std::min(low, block[i]);
        high = std::max(high, block[i]);
        squares += static_cast<std::uint32_t>(block[i] * block[i]);
    }
    peak_ = std::max({peak_, static_cast<int>(high), -static_cast<int>(low)});
    squares_ += squares;
    if (is_quiet(low) && is_quiet(high)) {
        run_ += samples.size();
        return;
    }
    const auto first_loud = std::find_if_not(samples.begin(), samples.end(), is_quiet);
    const auto last_loud = std::find_if_not(samples.rbegin(), samples.rend(), is_quiet);
    run_ += static_cast<Frames>(std::distance(samples.begin(), first_loud));
    end_run();
    run_ = static_cast<Frames>(std::distance(samples.rbegin(), last_loud));
}

void ChannelMeter::end_run() {
    if (run_ >= shortest_run_)
        silent_ += run_;
}

ChannelLevels ChannelMeter::levels() const {
    auto whole = *this;
    whole.end_run();
    ChannelLevels levels;
    levels.silence = static_cast<double>(whole.silent_) / rate_;
    if (peak_ > 0) {
        levels.peak = decibels(peak_);
        levels.rms = decibels(std::sqrt(static_cast<double>(squares_) / static_cast<double>(frames_)));
    }
    return levels;
}

LevelMeter::LevelMeter(const WavFormat& format)
    : format_{format}, channels_(format.channels, ChannelMeter{format.rate}) {}

bool LevelMeter::decodes(const WavFormat& format) {
    return (format.tag == WavFormat::pcm && format.bits == 16) || format.tag == WavFormat::mulaw ||
           format.tag == WavFormat::alaw;
}

void LevelMeter::add_bytes(std::string_view data) {
    const std::size_t frame = format_.block;
    if (!rest_.empty()) {
        const auto missing = std::min(frame - rest_.size(), data.size());
        rest_ += data.substr(0, missing);
        data.remove_prefix(missing);
        if (rest_.size() < frame)
            return;
        add_frames(rest_);
    }
    constexpr std::size_t most_frames = 4096;
    while (data.size() >= frame) {
        const auto taken = std::min(data.size() / frame, most_frames) * frame;
        add_frames(data.substr(0, taken));
        data.remove_prefix(taken);
    }
    rest_ = data;
}

void LevelMeter::add_frames(std::string_view frames) {
    const std::size_t count = frames.size() / format_.block;
    const std::size_t width = format_.block / format_.channels;
    const auto& table = format_.tag == WavFormat::mulaw ? mulaw_table : alaw_table;
    samples_.resize(count);
    for (std::size_t channel = 0; channel < channels_.size(); ++channel) {
        auto at = channel * width;
        if (format_.tag == WavFormat::pcm && channels_.size() == 1 && std::endian::native == std::endian::little)
            std::memcpy(samples_.data(), frames.data(), count * sizeof(short));
        else if (format_.tag == WavFormat::pcm)
            for (auto& sample : samples_) {
                sample = static_cast<short>(byte_at(frames, at) | byte_at(frames, at + 1) << 8U);
                at += format_.block;
            }
        else
            for (auto& sample : samples_) {
                sample = table.at(byte_at(frames, at));
                at += format_.block;
            }
        channels_[channel].add(samples_);
    }
}

void LevelMeter::add_samples(std::span<const short> samples) {
    samples_.resize(samples.size() / channels_.size());
    for (std::size_t channel = 0; channel < channels_.size(); ++channel) {
        auto at = channel;
        for (auto& sample : samples_) {
            sample = samples[at];
            at += channels_.size();
        }
        channels_[channel].add(samples_);
    }
}

std::vector<ChannelLevels> LevelMeter::levels() const {
    std::vector<ChannelLevels> levels;
    levels.reserve(channels_.size());
    for (const auto& channel : channels_)
        levels.push_back(channel.levels());
    return levels;
}

} // namespace pbx::audio

// How loud audio is, per channel: peak, RMS and digital silence.
#pragma once

#include "audio/wav_header.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::audio {

struct ChannelLevels {
    std::optional<double> peak; ///< dB of full scale; nothing where every sample is zero
    std::optional<double> rms;  ///< the same
    double silence = 0;         ///< seconds in runs of at least 20 ms whose samples are all within 8 of 32,768
};

/// One channel. Samples within 8 of 32,768 count as silence, since A-law has no zero: its smallest values are 8 and -8.
class ChannelMeter {
  public:
    explicit ChannelMeter(std::uint32_t rate) : rate_{rate}, shortest_run_{(rate + 49) / 50} {}

    void add(std::span<const short> samples);
    ChannelLevels levels() const;

  private:
    void add_block(std::span<const short> samples);
    void end_run();

    std::uint32_t rate_;
    Frames shortest_run_; ///< 20 ms
    Frames frames_ = 0;
    int peak_ = 0;
    std::uint64_t squares_ = 0;
    Frames run_ = 0; ///< quiet samples at the end of what was added
    Frames silent_ = 0;
};

/// All channels of a WAV file, from the bytes of its data chunk in pieces of any length.
class LevelMeter {
  public:
    explicit LevelMeter(const WavFormat& format);

    /// Whether add_bytes() can decode this format: 16-bit PCM, u-law and A-law.
    static bool decodes(const WavFormat& format);
    void add_bytes(std::string_view data);
    /// Interleaved samples, whole frames.
    void add_samples(std::span<const short> samples);
    std::vector<ChannelLevels> levels() const;

  private:
    void add_frames(std::string_view frames);

    WavFormat format_;
    std::vector<ChannelMeter> channels_;
    std::vector<short> samples_; ///< decoded, of one channel
    std::string rest_;           ///< the beginning of a frame
};

} // namespace pbx::audio

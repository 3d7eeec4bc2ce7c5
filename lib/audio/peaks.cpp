#include "audio/peaks.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

namespace pbx::audio {

namespace {

constexpr std::size_t frames_at_once = 1U << 14U;

struct Extremes {
    short lowest = std::numeric_limits<short>::max();
    short highest = std::numeric_limits<short>::min();
};

class Outline {
  public:
    Outline(std::size_t channels, Frames frames, std::size_t stretches)
        : channels_{channels}, frames_in_stretch_{std::max<Frames>(1, (frames + stretches - 1) / stretches)},
          peaks_(channels) {}

    /// Interleaved samples, whole frames.
    void add(std::span<const short> samples) {
        while (!samples.empty()) {
            if (left_ == 0)
                begin_stretch();
            const auto frames = std::min<Frames>(left_, samples.size() / channels_);
            for (std::size_t channel = 0; channel < channels_; ++channel)
                widen(peaks_[channel].back(), samples.first(frames * channels_), channel);
            left_ -= frames;
            samples = samples.subspan(frames * channels_);
        }
    }

    std::string json() const {
        std::string text = "[";
        for (const auto& channel : peaks_) {
            text += text.size() > 1 ? ",[" : "[";
            for (const auto& each : channel)
                text += fmt::format("{}{},{}", text.back() == '[' ? "" : ",", each.lowest / 256, each.highest / 256);
            text += ']';
        }
        return text + ']';
    }

  private:
    void begin_stretch() {
        for (auto& channel : peaks_)
            channel.emplace_back();
        left_ = frames_in_stretch_;
    }

    void widen(Extremes& extremes, std::span<const short> samples, std::size_t channel) const {
        auto [lowest, highest] = extremes;
        for (auto at = channel; at < samples.size(); at += channels_) {
            lowest = std::min(lowest, samples[at]);
            highest = std::max(highest, samples[at]);
        }
        extremes = {lowest, highest};
    }

    std::size_t channels_;
    Frames frames_in_stretch_;
    Frames left_ = 0; ///< of the current stretch
    std::vector<std::vector<Extremes>> peaks_;
};

} // namespace

std::string peaks_json(const LegAudio& recording, std::size_t stretches) {
    const auto& format = recording.format();
    Outline outline{format.channels, recording.frames(), stretches};
    LegDecoder decoder{recording};
    std::vector<short> samples(frames_at_once * format.channels);
    Frames done = 0;
    while (const auto got = decoder.read(samples)) {
        outline.add(std::span{samples}.first(got * format.channels));
        done += got;
    }
    if (done != recording.frames())
        throw Error{Exit::data,
                    fmt::format("{} cannot be decoded: {} of {} frames", recording.what(), done, recording.frames())};
    return fmt::format(R"({{"rate":{},"channels":{},"frames":{},"seconds":{:.3f},"peaks":{}}})", format.rate,
                       format.channels, done, static_cast<double>(done) / format.rate, outline.json()) +
           "\n";
}

} // namespace pbx::audio

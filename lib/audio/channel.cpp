// MixMonitor adds the samples of both sides, and so do we.
#include "audio/channel.hpp"

#include "audio/manifest.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <set>
#include <string_view>
#include <vector>

namespace pbx::audio {

namespace {

constexpr std::size_t frames_at_once = 1U << 14U;

struct Span {
    Frames begin;
    Frames end;
};

// Where a stitched recording holds legs of one channel, which are in both of its own.
std::vector<Span> find_doubled(const WavInfo& info) {
    WavHeader header;
    header.info = info;
    std::vector<Span> spans;
    const auto manifest = Manifest::from(header);
    if (!manifest)
        return spans;
    const std::set<std::string_view> mono{manifest->mono.begin(), manifest->mono.end()};
    for (const auto& leg : manifest->legs)
        if (mono.contains(leg.name))
            spans.push_back({leg.start, leg.start + leg.frames});
    return spans;
}

short sum(short one, short other) {
    using Limits = std::numeric_limits<short>;
    return static_cast<short>(std::clamp(int{one} + int{other}, int{Limits::min()}, int{Limits::max()}));
}

class Selection {
  public:
    Selection(Channel channel, std::vector<Span> doubled) : channel_{channel}, doubled_{std::move(doubled)} {}

    /// Appends the selected samples of interleaved frames, in the order of the recording, as bytes.
    void add(std::span<const short> frames, std::string& bytes) {
        for (std::size_t i = 0; i + 1 < frames.size(); i += 2) {
            const auto bits = static_cast<std::uint16_t>(select(frames[i], frames[i + 1]));
            bytes += static_cast<char>(bits & 0xffU);
            bytes += static_cast<char>(bits >> 8U);
            ++position_;
        }
    }

  private:
    short select(short caller, short called) {
        if (channel_ != Channel::mix)
            return channel_ == Channel::caller ? caller : called;
        while (next_ < doubled_.size() && doubled_[next_].end <= position_)
            ++next_;
        const bool is_doubled = next_ < doubled_.size() && doubled_[next_].begin <= position_;
        return is_doubled ? caller : sum(caller, called);
    }

    Channel channel_;
    std::vector<Span> doubled_; ///< in the order of the recording
    std::size_t next_ = 0;      ///< the first that has not been passed
    Frames position_ = 0;
};

} // namespace

const char* channel_name(Channel channel) {
    switch (channel) {
    case Channel::caller:
        return "caller";
    case Channel::called:
        return "called";
    case Channel::mix:
        return "mix";
    case Channel::both:
        break;
    }
    return "both";
}

bool has_channel(const LegAudio& recording, Channel channel) {
    return recording.format().channels == 2 || channel == Channel::both || channel == Channel::mix;
}

bool needs_selection(const LegAudio& recording, Channel channel) {
    return recording.format().channels == 2 && channel != Channel::both;
}

void select_channel(const LegAudio& recording, Channel channel, int out, const std::string& what) {
    WavFormat format;
    format.rate = recording.format().rate;
    const auto& info = recording.info();
    write_all(out,
              make_wav_header(format, {info.title, info.artist, info.date, info.software, {}},
                              recording.frames() * format.block),
              what);
    Selection selection{channel, find_doubled(info)};
    LegDecoder decoder{recording};
    std::vector<short> samples(frames_at_once * 2);
    std::string bytes;
    Frames done = 0;
    while (const auto got = decoder.read(samples)) {
        bytes.clear();
        selection.add(std::span{samples}.first(got * 2), bytes);
        write_all(out, bytes, what);
        done += got;
    }
    if (done != recording.frames())
        throw Error{Exit::data, fmt::format("{} cannot be decoded: {} of {} frames", what, done, recording.frames())};
}

} // namespace pbx::audio

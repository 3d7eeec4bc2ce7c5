// One leg's audio: the frames that a WAV file really has, whatever its header claims.
#pragma once

#include "audio/wav_header.hpp"
#include "base/fd.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace pbx::audio {

/// The format and length of a leg's audio: everything that must be known before it is read.
struct LegShape {
    WavFormat format;
    Frames frames = 0; ///< that are used
    Frames whole = 0;  ///< in the file

    /// 16-bit PCM: its samples can be copied as they are.
    bool is_raw() const { return format.tag == WavFormat::pcm && format.bits == 16; }
    bool operator==(const LegShape&) const = default;
};

class LegAudio {
  public:
    /// Reads the header. Where its sizes were not written (Asterisk crashed), or not those of the end, the audio goes
    /// to the end of the file; where it declares more than the file has, the audio is what the file has. Throws Error:
    /// data when it is not a WAV file, io.
    LegAudio(Fd file, std::string what);

    const WavFormat& format() const { return header_.format; }
    const WavInfo& info() const { return header_.info; }
    Frames frames() const { return frames_; }
    /// Uses only the first `frames` from now on; whole_frames() stays the number in the file.
    void keep_first(Frames frames);
    Frames whole_frames() const { return whole_; }
    bool unfinished() const { return unfinished_; } ///< its sizes end before the audio does
    bool truncated() const { return truncated_; }   ///< the file has fewer bytes than its header declares

    LegShape shape() const { return {header_.format, frames_, whole_}; }

    int fd() const { return file_.get(); }
    std::uint64_t data_offset() const { return header_.data_offset; }
    std::uint64_t data_bytes() const { return data_bytes_; }
    const std::string& what() const { return what_; }

  private:
    bool has_chunks_behind(std::uint64_t size) const;

    Fd file_;
    std::string what_;
    WavHeader header_;
    std::uint64_t data_bytes_ = 0;
    Frames frames_ = 0;
    Frames whole_ = 0;
    bool unfinished_ = false;
    bool truncated_ = false;
};

/// Decodes a leg to 16-bit samples, by libsndfile.
class LegDecoder {
  public:
    /// Throws Error: data when libsndfile cannot decode the leg, io when it cannot be read.
    explicit LegDecoder(const LegAudio& leg);
    ~LegDecoder();
    LegDecoder(const LegDecoder&) = delete;
    LegDecoder& operator=(const LegDecoder&) = delete;

    /// Fills `samples` (interleaved) with whole frames; returns how many frames, 0 only at the end. Throws Error:
    /// data, io.
    Frames read(std::span<short> samples);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// How many of its channels are not silent throughout, as ChannelMeter counts silence. Reads only until it has heard
/// all. Throws Error as LegDecoder.
int count_heard_channels(const LegAudio& leg);

} // namespace pbx::audio

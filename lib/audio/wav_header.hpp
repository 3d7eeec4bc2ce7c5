// WAV headers, read by our own code before libsndfile guesses: the sizes in those that Asterisk leaves can be wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pbx::audio {

/// A count of sample frames (one sample of every channel).
using Frames = std::uint64_t;

/// The fields of a "fmt " chunk. Source: Multimedia Programming Interface and Data Specifications 1.0, chapter 3, and
/// RFC 2361 for the tags.
struct WavFormat {
    static constexpr std::uint16_t pcm = 1;
    static constexpr std::uint16_t alaw = 6;
    static constexpr std::uint16_t mulaw = 7;
    static constexpr std::uint16_t gsm = 0x31;

    std::uint16_t tag = pcm;
    std::uint16_t channels = 1;
    std::uint32_t rate = 8000; ///< Hz
    std::uint16_t block = 2;   ///< bytes per block (PCM: per frame)
    std::uint16_t bits = 16;

    bool operator==(const WavFormat&) const = default;
};

/// Frames in a block of GSM 06.10: two GSM frames of 160 samples in 65 bytes.
inline constexpr Frames gsm_block_frames = 320;

/// The strings of a LIST/INFO chunk that comes before the data.
struct WavInfo {
    std::string title;    ///< INAM
    std::string artist;   ///< IART
    std::string date;     ///< ICRD
    std::string software; ///< ISFT
    std::string comment;  ///< ICMT
};

struct WavHeader {
    WavFormat format;
    WavInfo info;
    std::uint64_t riff_size = 0;   ///< as declared, after the first 8 bytes
    std::uint64_t data_offset = 0; ///< bytes from the start of the file
    std::uint64_t data_size = 0;   ///< as declared; 0 while Asterisk writes and after it crashed; open_ended: unknown

    /// The size that programs write into a plain RIFF file when they cannot seek back.
    static constexpr std::uint64_t open_ended = 0xffffffff;
    /// The most bytes before the data: enough for the manifest of half a million legs. A longer header is refused.
    static constexpr std::uint64_t longest = 64U << 20U;
};

/// Reads the header from the file's first bytes (RIFF, or RF64 as in EBU Tech 3306). Nothing when the data chunk begins
/// beyond `beginning`; `needed`, if given, is then how many bytes to read, at most WavHeader::longest. Throws Error
/// (data), "not a WAV file: ...", for anything that is not a WAV of one of the formats above, 8,000 to 48,000 Hz, one
/// or two channels, and for a header longer than WavHeader::longest.
std::optional<WavHeader> parse_wav_header(std::string_view beginning, std::uint64_t* needed = nullptr);

/// parse_wav_header on an open file: reads one block, and more only when the header is longer. Throws Error (data; io).
WavHeader read_wav_header(int fd, std::string_view what);

/// The header of a WAV file with `data_bytes` of audio: format, then `info` in a LIST/INFO chunk (unless it is empty),
/// then the beginning of the data chunk. RIFF, or RF64 where the sizes need more than 32 bits. libsndfile 1.2 writes no
/// header over 100 KiB and reads the samples behind one of any length. The same arguments give the same bytes. Throws
/// Error (data) when it would be longer than WavHeader::longest.
std::string make_wav_header(const WavFormat& format, const WavInfo& info, std::uint64_t data_bytes);

} // namespace pbx::audio

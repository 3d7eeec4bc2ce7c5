// WAV files written byte by byte, as the tests of the audio library need them.
#pragma once

#include <cstdint>
#include <string>

namespace wav {

inline std::string number(std::uint64_t value, int width) {
    std::string bytes;
    for (int i = 0; i < width; ++i)
        bytes += static_cast<char>((value >> (8 * i)) & 0xffU);
    return bytes;
}

inline std::string chunk(const std::string& id, const std::string& body) {
    return id + number(body.size(), 4) + body + std::string(body.size() % 2, '\0');
}

inline std::string format(unsigned tag = 1, unsigned channels = 1, std::uint64_t rate = 8000, unsigned block = 2,
                          unsigned bits = 16) {
    return chunk("fmt ", number(tag, 2) + number(channels, 2) + number(rate, 4) + number(rate * block, 4) +
                             number(block, 2) + number(bits, 2));
}

inline std::string file(const std::string& chunks) {
    return "RIFF" + number(chunks.size() + 4, 4) + "WAVE" + chunks;
}

/// A file as Asterisk writes it: a header of 44 bytes and samples.
inline std::string leg(const std::string& samples) {
    return file(format() + chunk("data", samples));
}

/// The same when Asterisk died before it closed the file: both sizes are still zero.
inline std::string crashed_leg(const std::string& samples) {
    auto bytes = leg(samples);
    bytes.replace(4, 4, number(0, 4)).replace(40, 4, number(0, 4));
    return bytes;
}

} // namespace wav

// A walk over RIFF chunks that trusts no length.
#include "audio/wav_header.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace pbx::audio {

namespace {

constexpr std::size_t most_header = 1U << 20U;

Error no_wav(const std::string& why) {
    return {Exit::data, "no WAV file: " + why};
}

// Little-endian numbers at an offset that the caller has checked.
std::uint64_t number(std::string_view bytes, std::size_t at, std::size_t width) {
    std::uint64_t value = 0;
    for (std::size_t i = width; i-- > 0;)
        value = (value << 8U) | static_cast<unsigned char>(bytes[at + i]);
    return value;
}

WavFormat parse_format(std::string_view chunk) {
    if (chunk.size() < 16)
        throw no_wav("its format chunk is too short");
    WavFormat format;
    format.tag = static_cast<std::uint16_t>(number(chunk, 0, 2));
    format.channels = static_cast<std::uint16_t>(number(chunk, 2, 2));
    format.rate = static_cast<std::uint32_t>(number(chunk, 4, 4));
    format.block = static_cast<std::uint16_t>(number(chunk, 12, 2));
    format.bits = static_cast<std::uint16_t>(number(chunk, 14, 2));
    // WAVE_FORMAT_EXTENSIBLE, as libsndfile writes into RF64: the true tag begins the subformat.
    constexpr std::uint16_t extensible = 0xfffe;
    if (format.tag == extensible && chunk.size() >= 40)
        format.tag = static_cast<std::uint16_t>(number(chunk, 24, 2));

    if (format.channels < 1 || format.channels > 2)
        throw no_wav(fmt::format("{} channels", format.channels));
    if (format.rate < 8000 || format.rate > 48000)
        throw no_wav(fmt::format("a sample rate of {} Hz", format.rate));
    bool sane = false;
    switch (format.tag) {
    case WavFormat::pcm:
        sane = (format.bits == 8 || format.bits == 16 || format.bits == 24 || format.bits == 32) &&
               format.block == format.channels * format.bits / 8;
        break;
    case WavFormat::alaw:
    case WavFormat::mulaw:
        sane = format.bits == 8 && format.block == format.channels;
        break;
    case WavFormat::gsm:
        sane = format.channels == 1 && format.block == 65;
        break;
    default:
        throw no_wav(fmt::format("format tag {:#x}, which Asterisk does not write", format.tag));
    }
    if (!sane)
        throw no_wav(fmt::format("{} bits and blocks of {} bytes do not belong together", format.bits, format.block));
    return format;
}

void parse_info(std::string_view list, WavInfo& info) {
    for (std::size_t at = 4; at + 8 <= list.size();) {
        const auto id = list.substr(at, 4);
        const auto size = number(list, at + 4, 4);
        if (size > list.size() - at - 8)
            return;
        auto text = list.substr(at + 8, size);
        text = text.substr(0, text.find('\0'));
        if (id == "INAM")
            info.title = text;
        else if (id == "IART")
            info.artist = text;
        else if (id == "ICRD")
            info.date = text;
        else if (id == "ISFT")
            info.software = text;
        else if (id == "ICMT")
            info.comment = text;
        at += 8 + size + size % 2;
    }
}

} // namespace

std::optional<WavHeader> parse_wav_header(std::string_view beginning) {
    if (beginning.size() < 12)
        throw no_wav("it is shorter than a header");
    const auto form = beginning.substr(0, 4);
    const bool rf64 = form == "RF64";
    if ((form != "RIFF" && !rf64) || beginning.substr(8, 4) != "WAVE")
        throw no_wav("it does not begin with RIFF and WAVE");

    WavHeader header;
    header.riff_size = number(beginning, 4, 4);
    std::uint64_t long_data_size = 0;
    bool has_format = false;
    for (std::uint64_t at = 12; at + 8 <= beginning.size();) {
        const auto id = beginning.substr(at, 4);
        const std::uint64_t size = number(beginning, at + 4, 4);
        const std::uint64_t body = at + 8;
        if (id == "data") {
            if (!has_format)
                throw no_wav("its data come before their format");
            header.data_offset = body;
            header.data_size = rf64 && size == WavHeader::open_ended ? long_data_size : size;
            return header;
        }
        const bool wanted = id == "fmt " || id == "ds64" || id == "LIST";
        if (wanted && size > most_header)
            throw no_wav("a chunk of its header is larger than any header");
        if (wanted && body + size > beginning.size())
            return std::nullopt;
        const auto chunk = wanted ? beginning.substr(body, size) : std::string_view{};
        if (id == "fmt ") {
            header.format = parse_format(chunk);
            has_format = true;
        } else if (id == "ds64" && rf64 && size >= 24) {
            header.riff_size = number(chunk, 0, 8);
            long_data_size = number(chunk, 8, 8);
        } else if (id == "LIST" && chunk.substr(0, 4) == "INFO") {
            parse_info(chunk, header.info);
        }
        at = body + size + size % 2;
    }
    return std::nullopt;
}

WavHeader read_wav_header(int fd, std::string_view what) {
    std::vector<char> buffer;
    for (std::size_t want = 4096; want <= most_header; want *= 16) {
        buffer.resize(want);
        const auto got = read_at(fd, buffer, 0, what);
        if (auto header = parse_wav_header({buffer.data(), got}))
            return *std::move(header);
        if (got < want)
            break;
    }
    throw no_wav("it has no data chunk where one belongs");
}

} // namespace pbx::audio

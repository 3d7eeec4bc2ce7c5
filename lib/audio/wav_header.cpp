// Walks over RIFF chunks and trusts none of their lengths.
#include "audio/wav_header.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace pbx::audio {

namespace {

Error not_a_wav(const std::string& reason) {
    return {Exit::data, "not a WAV file: " + reason};
}

// Little-endian numbers at an offset that the caller has checked.
std::uint64_t number(std::string_view bytes, std::size_t at, std::size_t width) {
    std::uint64_t value = 0;
    for (std::size_t i = width; i-- > 0;)
        value = (value << 8U) | static_cast<unsigned char>(bytes[at + i]);
    return value;
}

std::string little_endian(std::uint64_t value, std::size_t width) {
    std::string bytes;
    for (std::size_t i = 0; i < width; ++i)
        bytes += static_cast<char>((value >> (8 * i)) & 0xffU);
    return bytes;
}

void add_chunk(std::string& to, std::string_view id, std::string_view body) {
    to += id;
    to += little_endian(body.size(), 4);
    to += body;
    if (body.size() % 2 != 0)
        to += '\0';
}

WavFormat parse_format(std::string_view chunk) {
    if (chunk.size() < 16)
        throw not_a_wav("its format chunk is too short");
    WavFormat format;
    format.tag = static_cast<std::uint16_t>(number(chunk, 0, 2));
    format.channels = static_cast<std::uint16_t>(number(chunk, 2, 2));
    format.rate = static_cast<std::uint32_t>(number(chunk, 4, 4));
    format.block = static_cast<std::uint16_t>(number(chunk, 12, 2));
    format.bits = static_cast<std::uint16_t>(number(chunk, 14, 2));
    // libsndfile writes WAVE_FORMAT_EXTENSIBLE into RF64; the subformat begins with the real tag.
    constexpr std::uint16_t extensible = 0xfffe;
    if (format.tag == extensible && chunk.size() >= 40)
        format.tag = static_cast<std::uint16_t>(number(chunk, 24, 2));

    if (format.channels < 1 || format.channels > 2)
        throw not_a_wav(fmt::format("{} channels", format.channels));
    if (format.rate < 8000 || format.rate > 48000)
        throw not_a_wav(fmt::format("a sample rate of {} Hz", format.rate));
    bool is_consistent = false;
    switch (format.tag) {
    case WavFormat::pcm:
        is_consistent = (format.bits == 8 || format.bits == 16 || format.bits == 24 || format.bits == 32) &&
                        format.block == format.channels * format.bits / 8;
        break;
    case WavFormat::alaw:
    case WavFormat::mulaw:
        is_consistent = format.bits == 8 && format.block == format.channels;
        break;
    case WavFormat::gsm:
        is_consistent = format.channels == 1 && format.block == 65;
        break;
    default:
        throw not_a_wav(fmt::format("format tag {:#x}, which Asterisk does not write", format.tag));
    }
    if (!is_consistent)
        throw not_a_wav(fmt::format("{} bits do not fit blocks of {} bytes", format.bits, format.block));
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

std::optional<WavHeader> parse_wav_header(std::string_view beginning, std::uint64_t* needed) {
    const auto ask_for_more = [&](std::uint64_t bytes) {
        if (bytes > WavHeader::longest)
            throw not_a_wav(fmt::format("its header is longer than {} MiB", WavHeader::longest >> 20U));
        if (needed != nullptr)
            *needed = bytes;
        return std::nullopt;
    };
    if (beginning.size() < 12)
        throw not_a_wav("it is shorter than a header");
    const auto form = beginning.substr(0, 4);
    const bool rf64 = form == "RF64";
    if ((form != "RIFF" && !rf64) || beginning.substr(8, 4) != "WAVE")
        throw not_a_wav("it does not begin with RIFF and WAVE");

    WavHeader header;
    header.riff_size = number(beginning, 4, 4);
    std::optional<std::uint64_t> long_data_size; // of RF64
    bool has_format = false;
    std::uint64_t at = 12;
    while (at + 8 <= beginning.size()) {
        const auto id = beginning.substr(at, 4);
        const std::uint64_t size = number(beginning, at + 4, 4);
        const std::uint64_t body = at + 8;
        if (id == "data") {
            if (!has_format)
                throw not_a_wav("its data chunk comes before its format chunk");
            header.data_offset = body;
            header.data_size = rf64 && size == WavHeader::open_ended && long_data_size ? *long_data_size : size;
            return header;
        }
        const bool wanted = id == "fmt " || id == "ds64" || id == "LIST";
        if (wanted && body + size > beginning.size())
            return ask_for_more(body + size);
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
    return ask_for_more(at + 8);
}

WavHeader read_wav_header(int fd, std::string_view what) {
    std::vector<char> buffer;
    for (std::uint64_t want = 4096;;) {
        buffer.resize(want);
        const auto got = read_at(fd, buffer, 0, what);
        if (auto header = parse_wav_header({buffer.data(), got}, &want))
            return *std::move(header);
        if (want <= got || got < buffer.size())
            throw not_a_wav("it has no data chunk");
    }
}

std::string make_wav_header(const WavFormat& format, const WavInfo& info, std::uint64_t data_bytes) {
    const bool gsm = format.tag == WavFormat::gsm;
    const auto block_frames = gsm ? gsm_block_frames : 1;
    std::string fmt_chunk = little_endian(format.tag, 2) + little_endian(format.channels, 2) +
                            little_endian(format.rate, 4) +
                            little_endian(std::uint64_t{format.rate} * format.block / block_frames, 4) +
                            little_endian(format.block, 2) + little_endian(format.bits, 2);
    if (gsm)
        fmt_chunk += little_endian(2, 2) + little_endian(gsm_block_frames, 2);
    std::string chunks;
    add_chunk(chunks, "fmt ", fmt_chunk);
    std::string list = "INFO";
    const auto add_text = [&](std::string_view id, const std::string& text) {
        if (!text.empty())
            add_chunk(list, id, {text.c_str(), text.size() + 1});
    };
    add_text("INAM", info.title);
    add_text("IART", info.artist);
    add_text("ICRD", info.date);
    add_text("ISFT", info.software);
    add_text("ICMT", info.comment);
    if (list.size() > 4)
        add_chunk(chunks, "LIST", list);
    if (chunks.size() > WavHeader::longest - 64)
        throw Error{Exit::data, fmt::format("its header would be longer than {} MiB", WavHeader::longest >> 20U)};

    constexpr std::uint64_t in_ds64 = 0xffffffff; // EBU Tech 3306
    const auto riff_size = 4 + chunks.size() + 8 + data_bytes;
    if (riff_size < in_ds64)
        return "RIFF" + little_endian(riff_size, 4) + "WAVE" + chunks + "data" + little_endian(data_bytes, 4);
    // 28 bytes: three sizes and an empty table.
    std::string sizes;
    add_chunk(sizes, "ds64",
              little_endian(riff_size + 36, 8) + little_endian(data_bytes, 8) +
                  little_endian(data_bytes / format.block * block_frames, 8) + little_endian(0, 4));
    return "RF64" + little_endian(in_ds64, 4) + "WAVE" + sizes + chunks + "data" + little_endian(in_ds64, 4);
}

} // namespace pbx::audio

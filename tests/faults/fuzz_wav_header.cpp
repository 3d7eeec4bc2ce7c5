// libFuzzer: any bytes at all in place of a leg's header. What is accepted must keep the promises that readers rely on.
#include "audio/wav_header.hpp"
#include "base/error.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view beginning{reinterpret_cast<const char*>(data), size};
    try {
        std::uint64_t needed = 0;
        const auto header = pbx::audio::parse_wav_header(beginning, &needed);
        // Who reads that much next comes further, and to an end.
        if (!header && (needed <= size || needed > pbx::audio::WavHeader::longest))
            std::abort();
        if (!header)
            return 0;
        const auto& format = header->format;
        if (format.channels < 1 || format.channels > 2 || format.rate < 8000 || format.rate > 48000 ||
            format.block == 0)
            std::abort();
        // The data begins within the bytes that were read, after RIFF, WAVE and the format.
        if (header->data_offset < 36 || header->data_offset > size)
            std::abort();
        // What was understood can be written, and is understood as the same, but for sizes that no file has.
        if (header->data_size > std::uint64_t{1} << 62U)
            return 0;
        const auto again =
            pbx::audio::parse_wav_header(pbx::audio::make_wav_header(format, header->info, header->data_size));
        if (!again || again->format.tag != format.tag || again->format.block != format.block ||
            again->info.comment != header->info.comment || again->data_size != header->data_size)
            std::abort();
    } catch (const pbx::Error& error) {
        if (error.status() != pbx::Exit::data)
            std::abort();
    }
    return 0;
}

// libFuzzer: any bytes at all in place of a leg's header. What is accepted must keep the promises that readers rely on.
#include "audio/wav_header.hpp"
#include "base/error.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view beginning{reinterpret_cast<const char*>(data), size};
    try {
        const auto header = pbx::audio::parse_wav_header(beginning);
        if (!header)
            return 0;
        const auto& format = header->format;
        if (format.channels < 1 || format.channels > 2 || format.rate < 8000 || format.rate > 48000 || format.block == 0)
            std::abort();
        // The data begins within the bytes that were read, after RIFF, WAVE and the format.
        if (header->data_offset < 36 || header->data_offset > size)
            std::abort();
    } catch (const pbx::Error& error) {
        if (error.kind() != pbx::Exit::data)
            std::abort();
    }
    return 0;
}

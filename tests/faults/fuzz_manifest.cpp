// libFuzzer: any text in place of the manifest that a stitched recording carries, alone and within a file's beginning.
#include "audio/manifest.hpp"
#include "base/error.hpp"

#include <cstdlib>

namespace {

void once(const pbx::audio::WavHeader& header) {
    const auto manifest = pbx::audio::Manifest::from(header);
    if (!manifest)
        return;
    // What was read can be written, and says the same when it is read again.
    pbx::audio::WavHeader again = header;
    again.info.comment = manifest->comment();
    const auto same = pbx::audio::Manifest::from(again);
    if (!same || same->legs != manifest->legs || same->empty != manifest->empty || same->missing != manifest->missing ||
        same->unreadable != manifest->unreadable || same->xxh128 != manifest->xxh128)
        std::abort();
    static_cast<void>(manifest->fits(header));
    static_cast<void>(manifest->lacking({"a.wav", manifest->xxh128}));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    pbx::audio::WavHeader header;
    header.info.title = "1776500000.1";
    header.info.comment = text;
    try {
        once(header);
    } catch (const pbx::Error& error) {
        if (error.status() != pbx::Exit::data)
            std::abort();
    }
    try {
        static_cast<void>(pbx::audio::find_manifest(text));
    } catch (const pbx::Error& error) {
        if (error.status() != pbx::Exit::data)
            std::abort();
    }
    return 0;
}

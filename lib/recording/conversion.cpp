#include "recording/conversion.hpp"

#include <unistd.h>

namespace pbx::recording {

Fd convert(Fd wav, const Conversion& conversion, const std::string& what, Progress* progress) {
    audio::LegAudio source{std::move(wav), what};
    if (!audio::has_channel(source, conversion.channel))
        throw NoSuchChannel{
            Exit::no_input, "the recording has one channel, in which both sides are mixed",
            "leave out --channel, or give --channel mix; pbx-provision org recordings --channels 2 records two"};
    if (audio::needs_selection(source, conversion.channel)) {
        auto selected = nameless_file();
        audio::select_channel(source, conversion.channel, selected.get(), what);
        source = audio::LegAudio{std::move(selected), what};
    }
    if (conversion.encoding == audio::Encoding::wav)
        return Fd{::dup(source.fd())};
    auto encoded = nameless_file();
    audio::encode(source, conversion.encoding, encoded.get(), what, progress);
    return encoded;
}

} // namespace pbx::recording

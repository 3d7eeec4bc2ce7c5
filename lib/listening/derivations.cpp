#include "listening/derivations.hpp"

#include "audio/peaks.hpp"
#include "base/fd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace pbx::listening {

namespace {

using audio::Channel;
using audio::Encoding;

// The first is what an absent parameter means.
constexpr std::array formats{Encoding::wav, Encoding::flac, Encoding::opus, Encoding::mp3};
constexpr std::array channels{Channel::both, Channel::caller, Channel::called, Channel::mix};

template <typename Values, typename Name>
auto value_of(const Values& values, Name name_of, const Request& request, const std::string& parameter) {
    const auto& text = request.parameter(parameter);
    if (text.empty())
        return values.front();
    const auto* found = std::find_if(values.begin(), values.end(), [&](auto value) { return text == name_of(value); });
    if (found == values.end())
        throw Refusal{400, "The parameter " + parameter + " has an unknown value."};
    return *found;
}

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
}

} // namespace

recording::Conversion parse_conversion(const Request& request) {
    return {value_of(formats, audio::encoding_name, request, "format"),
            value_of(channels, audio::channel_name, request, "channel")};
}

std::string disposition_of(const recording::Conversion& conversion, const Request& request) {
    auto name = request.call;
    if (const auto& leg = request.parameter("leg"); !leg.empty())
        name += "-leg" + leg;
    if (conversion.channel != Channel::both)
        name += std::string{"-"} + audio::channel_name(conversion.channel);
    name += std::string{"."} + audio::encoding_name(conversion.encoding);
    std::replace_if(
        name.begin(), name.end(), [](char c) { return !is_plain(c); }, '_');
    return fmt::format("Content-Disposition: {}; filename=\"{}\"",
                       request.parameters.contains("download") ? "attachment" : "inline", name);
}

Derivation converted(const recording::Conversion& conversion, const Request& request) {
    return {fmt::format("{}.{}", audio::channel_name(conversion.channel), audio::encoding_name(conversion.encoding)),
            audio::media_type(conversion.encoding), disposition_of(conversion, request),
            [conversion](Fd wav) { return convert(std::move(wav), conversion, "the recording", nullptr); }};
}

Derivation outline() {
    return {"peaks", "application/json", {}, [](Fd wav) {
                constexpr std::size_t stretches = 1000; // enough for the width of a screen
                const audio::LegAudio recording{std::move(wav), "the recording"};
                auto file = nameless_file();
                write_all(file.get(), audio::peaks_json(recording, stretches), "the outline of the recording");
                return file;
            }};
}

} // namespace pbx::listening

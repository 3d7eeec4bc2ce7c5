// As ffmpeg and sox do, which operators know.
#include "recording/output_format.hpp"

#include "base/error.hpp"
#include "base/name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <utility>

namespace pbx::recording {

namespace {

using audio::Encoding;

constexpr std::array<std::pair<std::string_view, Encoding>, 5> endings{{{".wav", Encoding::wav},
                                                                        {".flac", Encoding::flac},
                                                                        {".opus", Encoding::opus},
                                                                        {".ogg", Encoding::opus},
                                                                        {".mp3", Encoding::mp3}}};

std::optional<Encoding> implied(const std::string& output) {
    auto ending = std::filesystem::path{output}.extension().native();
    for (char& letter : ending)
        if (letter >= 'A' && letter <= 'Z')
            letter = static_cast<char>(letter - 'A' + 'a');
    const auto* found =
        std::find_if(endings.begin(), endings.end(), [&](const auto& each) { return each.first == ending; });
    return found == endings.end() ? std::nullopt : std::optional{found->second};
}

} // namespace

Encoding encoding_of(const std::string& output, std::optional<Encoding> wanted) {
    const auto by_name = implied(output);
    if (wanted && by_name && *wanted != *by_name)
        throw Error{Exit::usage, fmt::format("--format contradicts the name of the file {}", shown(output)),
                    "leave out --format, or give the file the ending of that format"};
    return wanted ? *wanted : by_name.value_or(Encoding::wav);
}

} // namespace pbx::recording

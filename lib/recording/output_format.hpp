// The format that the name of an output file asks for.
#pragma once

#include "audio/encode.hpp"

#include <optional>
#include <string>

namespace pbx::recording {

/// What the recording is encoded as: what is `wanted`, else what the end of the file's name implies (.wav, .flac,
/// .opus, .ogg, .mp3, in capitals too), else WAV. Throws Error (usage) when the two contradict each other.
audio::Encoding encoding_of(const std::string& output, std::optional<audio::Encoding> wanted);

} // namespace pbx::recording

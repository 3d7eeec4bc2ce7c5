// The outline of a recording, to draw it: the lowest and the highest sample of each short stretch.
#pragma once

#include "audio/leg_audio.hpp"

#include <cstddef>
#include <string>

namespace pbx::audio {

/// A JSON object: `rate`, `channels`, `frames`, `seconds`, and `peaks`, with an array per channel of at most
/// `stretches` pairs of lowest and highest sample one after another, from -128 to 127. Throws Error (data, io).
std::string peaks_json(const LegAudio& recording, std::size_t stretches);

} // namespace pbx::audio

// A recording in a smaller file, made by libsndfile's encoders.
#pragma once

#include "audio/leg_audio.hpp"

#include <string>

namespace pbx::audio {

enum class Encoding { wav, flac, opus, mp3 };

/// The media type: RFC 2046 and its registry.
const char* media_type(Encoding encoding);

/// Decodes `wav` and writes it to the empty file `out`, with its title, artist and date. Throws Error: data when the
/// audio cannot be decoded or the encoder does not support its sample rate, cant_create when `out` is not whole.
void encode(const LegAudio& wav, Encoding encoding, int out, const std::string& what);

} // namespace pbx::audio

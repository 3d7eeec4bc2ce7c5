// A recording in a smaller file, by libsndfile's encoders.
#pragma once

#include "audio/leg_audio.hpp"

#include <string>

namespace pbx::audio {

enum class Encoding { wav, flac, opus, mp3 };

/// The media type: RFC 2046 and its registry.
const char* media_type(Encoding encoding);

/// Decodes `wav` and writes it to the empty file `out`, with the title, artist and date that it carries. Throws Error:
/// data when the audio cannot be decoded or the encoder does not take its sample rate, cant_create.
void encode(const LegAudio& wav, Encoding encoding, int out, const std::string& what);

} // namespace pbx::audio

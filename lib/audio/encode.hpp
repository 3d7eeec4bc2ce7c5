// A recording in a smaller file, made by libsndfile's encoders.
#pragma once

#include "audio/leg_audio.hpp"
#include "base/progress.hpp"

#include <string>

namespace pbx::audio {

enum class Encoding { wav, flac, opus, mp3 };

/// The name of the encoding, and of its files after the last dot: "wav".
const char* encoding_name(Encoding encoding);

/// The media type: RFC 2046 and its registry.
const char* media_type(Encoding encoding);

/// Decodes `wav` and writes it to the empty file `out`, with its title, artist and date. Its samples are counted in
/// `progress`, if that is not null. Throws Error: data when the
/// audio cannot be decoded or the encoder does not support its sample rate, cant_create when `out` is not whole.
void encode(const LegAudio& wav, Encoding encoding, int out, const std::string& what, Progress* progress);

} // namespace pbx::audio

// The checksum that a stitched recording's header contains of itself.
#pragma once

#include <string>

namespace pbx::audio {

/// The Checksum of `bytes`, those before the audio data, with zeros in the place of `known`, which the manifest among
/// them has as its "header".
std::string checksum_of_header(std::string bytes, const std::string& known);

} // namespace pbx::audio

// Joins legs into one WAV file.
#pragma once

#include "audio/leg_audio.hpp"
#include "audio/manifest.hpp"

#include <stdexcept>
#include <vector>

namespace pbx::audio {

/// A leg that turned out to be unreadable while it was joined: the caller lists it as such and starts again without it.
class LegFault : public std::runtime_error {
  public:
    LegFault(std::size_t leg, const std::string& why) : std::runtime_error{why}, leg_{leg} {}
    std::size_t leg() const { return leg_; }

  private:
    std::size_t leg_;
};

/// Writes the legs, none of them empty, one after the other into the empty file `out`, and the manifest before them;
/// fills in the start and frames of manifest.legs, which name the same legs in the same order.
///
/// 16-bit PCM of one format is copied as it is. Anything else is decoded and brought to the highest rate and the
/// highest channel count among the legs, 16-bit PCM. From 4 GiB on the file is RF64. The same legs give the same bytes.
///
/// Returns the format of the result. Throws LegFault, or Error (cant_create) when `out` cannot be written whole.
WavFormat join(const std::vector<LegAudio>& legs, Manifest& manifest, int out, const std::string& what);

} // namespace pbx::audio

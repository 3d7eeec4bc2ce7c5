// Joins legs into one WAV file.
#pragma once

#include "audio/leg_audio.hpp"
#include "audio/manifest.hpp"

#include <cstddef>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace pbx::audio {

/// Legs that turned out to be unreadable while they were joined. The caller lists them as such and joins again without
/// them.
class LegFaults : public std::exception {
  public:
    struct Fault {
        std::size_t leg;
        std::string why;
    };

    explicit LegFaults(std::vector<Fault> faults) : faults_{std::move(faults)} {}
    const std::vector<Fault>& faults() const { return faults_; } ///< in the order of the legs
    const char* what() const noexcept override { return "legs cannot be decoded"; }

  private:
    std::vector<Fault> faults_;
};

/// Writes the legs, none of them empty, one after the other into the empty file `out`, and the manifest before them;
/// fills in the manifest's checksum and the start and frames of manifest.legs, which name the same legs in the same
/// order. `open` is called for each leg in turn, and returns a leg of the shape in `legs`: one leg is open at a time.
///
/// 16-bit PCM of one format is copied unchanged. Anything else is decoded and brought to the highest rate and the
/// highest channel count among the legs, 16-bit PCM. From 4 GiB on the file is RF64. The same legs give the same bytes.
///
/// Returns the format of the result. Throws LegFaults, Error (cant_create when `out` cannot be written whole; data when
/// the manifest is longer than a header may be), and what `open` throws, except that an Error (data) counts as the
/// leg's fault.
WavFormat join(std::span<const LegShape> legs, const std::function<LegAudio(std::size_t)>& open, Manifest& manifest,
               int out, const std::string& what);

} // namespace pbx::audio

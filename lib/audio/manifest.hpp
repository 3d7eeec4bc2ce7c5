// What a stitched recording states about itself: which legs it holds, and which it should hold and does not.
#pragma once

#include "audio/wav_header.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::audio {

/// The software that a recording with a manifest states begins with this.
inline constexpr std::string_view stitching_program = "pbx-stitch ";

/// Stored in the file: linkedid as title, accountcode as artist, the call's start as date, the legs as JSON comment.
struct Manifest {
    struct Leg {
        std::string name;
        Frames start = 0;
        Frames frames = 0;
        Frames dropped = 0; ///< frames at its end that were left out because a later leg has them
        bool operator==(const Leg&) const = default;
    };

    std::string linkedid;
    std::string accountcode;
    std::string started;  ///< ISO 8601, UTC
    bool trimmed = false; ///< where legs overlapped, only the later one was kept
    std::vector<Leg> legs;
    std::vector<std::string> empty;
    std::vector<std::string> missing;
    std::vector<std::string> unreadable;
    std::vector<std::string> mono; ///< legs in one channel, which both channels of the recording have
    std::string consent;           ///< what its rows have in recording_consent: "granted"; empty: nobody was asked
    std::string paused; ///< when the recording was paused, in seconds into the call: "12-47,80-"; empty: never
    /// The Checksum of the audio data: of the bytes of the data chunk, without the chunk's own header of 8 bytes, and
    /// of nothing else. Empty in recordings of older versions.
    std::string xxh128;
    /// checksum_of_header() of the bytes before the audio data. Empty in recordings of older versions.
    std::string header_xxh128;

    /// Whether it accounts for exactly these legs, in this order.
    bool lists(const std::vector<std::string>& names) const;
    /// Whether its legs follow one another without a gap and are together as long as the audio behind `header`.
    bool fits(const WavHeader& header) const;
    /// Those of `names` that it neither holds nor lists as empty or unreadable.
    std::vector<std::string> lacking(const std::vector<std::string>& names) const;
    /// The first of its legs with audio that is among `names`; empty when there is none.
    std::string first_audible(const std::vector<std::string>& names) const;
    /// Whether each leg of the call is missing.
    bool is_all_missing() const;
    /// How many of its legs have audio in it.
    std::size_t audible() const;
    /// How many legs should have audio in it and are missing or unreadable.
    std::size_t left_out() const { return missing.size() + unreadable.size(); }
    /// As JSON.
    std::string comment() const;
    /// Nothing when the header contains no manifest of ours.
    static std::optional<Manifest> from(const WavHeader& header);
};

/// The manifest in a stitched recording's first bytes; nothing when there is none or it lies beyond them.
std::optional<Manifest> find_manifest(std::string_view beginning);

} // namespace pbx::audio

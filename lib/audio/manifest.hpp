// What a stitched recording says of itself: which legs it holds, and which it should hold and does not.
#pragma once

#include "audio/wav_header.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::audio {

/// Travels in the file: linkedid as title, accountcode as artist, the call's start as date, the legs as JSON comment.
struct Manifest {
    struct Leg {
        std::string name;
        Frames start = 0;
        Frames frames = 0;
        Frames dropped = 0; ///< frames of its end that were left out, because a later leg has them too
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

    /// Whether it accounts for exactly these legs, in this order.
    bool lists(const std::vector<std::string>& names) const;
    /// How many of its legs can be heard in it.
    std::size_t audible() const;
    /// Whether `name` is among its legs, or among those that it knows to be empty, missing or unreadable.
    bool mentions(std::string_view name) const;

    std::string comment() const;
    /// Nothing when the header carries no manifest of ours.
    static std::optional<Manifest> from(const WavHeader& header);
};

/// The manifest in a stitched recording's first bytes; nothing when there is none or it lies beyond them.
std::optional<Manifest> find_manifest(std::string_view beginning);

} // namespace pbx::audio

// Makes a leg from what a recorder wrote into one file for each side of a call.
#pragma once

#include "audio/leg_audio.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pbx::audio {

/// What a woven leg states about itself, as JSON comment.
struct WeaveRecord {
    /// A file that went into the leg. Together these distinguish it from any other, also from itself after it has
    /// grown.
    struct Source {
        std::string name;
        std::uint64_t inode = 0;
        std::uint64_t size = 0;    ///< bytes
        std::int64_t modified = 0; ///< nanoseconds since 1970
        bool operator==(const Source&) const = default;
    };

    std::vector<Source> sources;
    bool cut = false; ///< a recorder died, so that audio may be missing at the end of a source

    std::string comment() const;
    /// Nothing when the file with this LIST/INFO chunk was not woven.
    static std::optional<WeaveRecord> from(const WavInfo& info);
};

/// Whether the recorder of a leg, or of what it was woven from, died.
bool is_cut(const LegAudio& leg);

/// The audio of a leg to be woven: for each channel of it a side, or nothing for one that is silent; `before`, if it is
/// given, is what the leg begins with.
struct WeaveParts {
    std::optional<LegAudio> before;
    std::vector<std::optional<LegAudio>> sides;
};

/// Frames of the longest side. The others end with silence.
Frames length_of_sides(const WeaveParts& parts);

/// Whether the sides begin with the audio of `leg`, which was woven from the same number of sides. They may have more
/// after it. Throws Error (io).
bool begins_with(const WeaveParts& parts, const LegAudio& leg);

/// Writes the leg into the empty file `out`, 16-bit PCM, and reads it back. Memory does not grow with its length.
/// Returns its frames. Throws Error: data when a side is not 16-bit PCM in one channel, or sample rates differ, or
/// `before` has another format; cant_create when `out` does not hold what was written; io.
Frames weave(const WeaveParts& parts, const WeaveRecord& record, int out, const std::string& what);

} // namespace pbx::audio

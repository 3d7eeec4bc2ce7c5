// The parts of a recording: its legs, and where it was paused.
#pragma once

#include "audio/wav_header.hpp"
#include "cdr/legs.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pbx::listening {

struct Chapter {
    std::string name;
    double start = 0; ///< seconds into the recording
    double end = 0;
};

struct PauseMark {
    std::string text;         ///< "0:12 to 0:47": minutes of the call
    std::optional<double> at; ///< seconds into the recording; nothing where the legs' names have no times
};

/// From the manifest of a stitched recording; a leg alone is one chapter with the name `leg`.
std::vector<Chapter> chapters_of(const audio::WavHeader& recording, const std::string& leg);

std::vector<PauseMark> pauses_of(const cdr::Call& call, const std::vector<Chapter>& chapters);

/// "0:12", "1:02:03"
std::string clock_text(double seconds);

} // namespace pbx::listening

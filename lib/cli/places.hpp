// The options for where recordings are.
#pragma once

#include "cli/app.hpp"
#include "recording/places.hpp"

namespace pbx::cli {

enum class StitchSrc { taken, not_taken };

/// Adds --spool, --stitched, --stitch-src (unless `not_taken`), --remote and --rclone. Once the command line is parsed,
/// `places` is resolved.
void add_places(App& app, recording::Places& places, StitchSrc stitch_src = StitchSrc::taken);

} // namespace pbx::cli

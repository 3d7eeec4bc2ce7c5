// The options for where recordings are.
#pragma once

#include "cli/app.hpp"
#include "recording/places.hpp"

namespace pbx::cli {

/// Adds --spool, --spool-layout, --stitched, --stitch-src, --remote, --rclone and --reserve. Once the command line is
/// parsed, `places` is resolved.
void add_places(App& app, recording::Places& places);

/// Adds --keep-stitched.
void add_keep_stitched(App& app, recording::SpaceRules& rules);

} // namespace pbx::cli

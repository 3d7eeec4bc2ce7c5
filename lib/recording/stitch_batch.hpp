// Builds the recordings of some calls at once: on several cores, and synced together.
#pragma once

#include "base/folder.hpp"
#include "recording/leg_sources.hpp"
#include "recording/overlap.hpp"
#include "recording/resolved_call.hpp"
#include "recording/stitch_results.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace pbx::recording {

/// A call whose recording is new or out of date.
struct StitchTask {
    ResolvedCall call;
    bool exists = false;              ///< a recording of it
    std::string reason;               ///< why it is built
    std::vector<std::string> missing; ///< legs that a current recording lists as missing
};

/// Calls built at once: each holds an open file until all are synced.
inline constexpr std::size_t batch_size = 256;

struct StitchBatch {
    const Folder& stitched;
    const LocalLegs& legs;
    Overlap overlap;
    unsigned jobs; ///< threads
};

/// Builds and commits the recordings of `tasks`, at most batch_size of them. What happens with each call goes to
/// `results`; nothing is thrown for one call.
void build_batch(const StitchBatch& batch, std::span<StitchTask> tasks, StitchResults& results);

} // namespace pbx::recording

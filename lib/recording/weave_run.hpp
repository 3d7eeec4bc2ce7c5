// What pbx-stitch does first: every recording in the folder of halves becomes a leg in the spool.
#pragma once

#include "base/deadline.hpp"
#include "base/error.hpp"
#include "base/folder.hpp"
#include "recording/space_rules.hpp"
#include "recording/stitch_results.hpp"

#include <map>
#include <string>

namespace pbx::recording {

struct WeaveOptions {
    SpaceRules space;
    unsigned jobs = 1; ///< threads
    bool dry_run = false;
};

/// Weaves all that no recorder has open, as far as there is room without the reserve and time before the deadline. What
/// happens with each leg goes to `results`; nothing is thrown for one leg. Returns the legs of which no half can be
/// read, each with why: no later run will weave them. Throws Error when the folder of halves cannot be read.
std::map<std::string, Error> weave_all(const Folder& spool, const WeaveOptions& options, StitchResults& results,
                                       const Deadline& deadline);

} // namespace pbx::recording

// One call's recording, from the nearest place that has it.
#pragma once

#include "base/error.hpp"
#include "recording/answer.hpp"
#include "recording/overlap.hpp"
#include "recording/places.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace pbx::recording {

struct FetchOptions {
    Places places;
    std::string database;
    std::string call;                   ///< a CDR id, a uniqueid or a linkedid
    std::string file;                   ///< instead of a call: one leg by its file name
    std::optional<std::string> account; ///< only this accountcode's
    std::optional<std::size_t> leg;     ///< one leg as it is, counted from 1
    Overlap overlap = Overlap::keep;
    AnswerOptions answer;
    std::chrono::seconds timeout = std::chrono::hours{1};
};

/// Serves the call: a single leg as it is; otherwise the stitched recording, local, remote, or built now and cached.
/// Returns ok, or data when a leg of a recording built now was unreadable. Throws Error: no_input when there is no such
/// call or leg, or nothing to hear in it, usage when several accounts share the linkedid, unavailable, no_permission,
/// data.
Exit fetch(const FetchOptions& options);

} // namespace pbx::recording

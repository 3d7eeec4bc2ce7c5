// One call's recording, from the nearest place that has it.
#pragma once

#include "base/error.hpp"
#include "recording/answer.hpp"
#include "recording/derived_cache.hpp"
#include "recording/overlap.hpp"
#include "recording/places.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace pbx::recording {

struct FetchOptions {
    Places places;
    std::string database;
    std::string call;                   ///< as cdr::CallName::parse() reads it
    std::string file;                   ///< instead of a call: one leg by its file name
    std::optional<std::string> account; ///< only this accountcode's
    std::string organization;           ///< only this organization's; empty: any
    std::optional<std::size_t> leg;     ///< one leg as it is, counted from 1
    Overlap overlap = Overlap::keep;
    bool json = false; ///< where there is no recording, print why on stdout
    std::chrono::seconds timeout = std::chrono::hours{1};
    DerivedCache* cache = nullptr; ///< keeps the beginnings of objects that are read in parts
};

/// Serves the call: a single leg as it is; otherwise the stitched recording, local, remote, or built now and cached.
/// Returns ok, or data when a leg of a recording built now was unreadable. Throws Error: no_input when there is no such
/// call or leg, or nothing to hear in it, usage when calls of several accounts are meant, unavailable, no_permission,
/// data.
Exit fetch(const FetchOptions& given, Answer& answer);

} // namespace pbx::recording

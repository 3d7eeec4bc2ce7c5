// Answers one request for a recording over HTTP: pbx-recording-cgi.
#pragma once

#include "base/error.hpp"
#include "listening/permission.hpp"
#include "listening/request.hpp"
#include "recording/derived_cache.hpp"
#include "recording/overlap.hpp"
#include "recording/places.hpp"

#include <chrono>
#include <string>

namespace pbx::listening {

struct ListenOptions {
    recording::Places places;
    std::string database;
    PermissionSettings permission;
    recording::DerivedCache::Options cache;
    recording::Overlap overlap = recording::Overlap::keep;
    std::chrono::seconds timeout = std::chrono::hours{1};
};

/// Writes the response to stdout. Returns ok for a response below 500, also for a refusal; otherwise the status of what
/// failed, which is logged. Throws Error when the recording turns out to be damaged in the middle of the body.
Exit listen(const ListenOptions& options, const Variables& variables);

/// The response when the configuration cannot be used.
Exit report_bad_configuration(const Error& error);

} // namespace pbx::listening

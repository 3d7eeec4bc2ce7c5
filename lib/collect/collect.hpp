// Many calls' recordings, fetched into one folder by few runs of rclone.
#pragma once

#include "base/error.hpp"
#include "recording/conversion.hpp"
#include "recording/fetch.hpp"

#include <string>
#include <vector>

namespace pbx::collect {

struct CollectOptions {
    recording::FetchOptions fetch;  ///< without a call, a file or a leg
    std::vector<std::string> calls; ///< as cdr::CallName::parse() reads them; "-" stands for the lines of stdin
    recording::Conversion conversion;
    std::string folder; ///< created where it is missing
    std::string name;   ///< NameTemplate; empty: the name of a stitched recording
    unsigned jobs = 1;  ///< recordings that are written, encoded or compared at a time
};

/// Puts each call's recording into the folder, whole or not at all, and describes what is there in its files
/// calls.jsonl and SHA256SUMS. A recording that an earlier run left there, and that is still right, is not fetched
/// again. A call that fails does not stop the others. Returns the worst status. Throws Error when the folder, the
/// database or the spool cannot be used.
Exit collect(const CollectOptions& options);

} // namespace pbx::collect

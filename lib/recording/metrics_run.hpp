// A run that leaves its metrics in a file, however it ends.
#pragma once

#include "base/error.hpp"
#include "recording/metrics.hpp"

#include <chrono>
#include <functional>
#include <string>

namespace pbx::recording {

struct MetricsOptions {
    std::string file;             ///< empty: nothing is written
    std::string tool;             ///< "archive"
    std::chrono::seconds timeout; ///< after which the watchdog ends the process, see arm_watchdog()
};

/// Runs `work`, then writes the file atomically. An exception of any kind counts as a failure with the status that the
/// tool ends with, and is passed on. When the work still hangs shortly after the timeout, the file is written for the
/// watchdog, which ends the process then. A file that cannot be written is reported and worsens the status.
Exit with_metrics(const MetricsOptions& options, const Metrics::Counters& counters,
                  const std::function<Exit(Metrics&)>& work);

} // namespace pbx::recording

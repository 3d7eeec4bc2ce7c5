// Objects in several runs of rclone, as many in each as the line carries in half a minute.
#pragma once

#include "base/deadline.hpp"
#include "remote/pace.hpp"
#include "remote/rclone.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace pbx {

struct SizedName {
    std::string name;
    std::uint64_t size = 0; ///< bytes
};

struct RunResult {
    std::size_t objects = 0; ///< how many of the run's objects have arrived, as far as rclone reports it
    bool was_ended = false;  ///< at the deadline, or because it stalled
};

/// Calls `run` for parts of `objects`, in their order, until none is left, the deadline has passed, or several objects
/// stalled together. Returns the names that were not tried.
std::vector<std::string>
run_at_pace(Pace& pace, const std::vector<SizedName>& objects, const Deadline& deadline,
            const std::function<RunResult(const std::vector<std::string>& names, const TransferRun& transfer)>& run);

} // namespace pbx

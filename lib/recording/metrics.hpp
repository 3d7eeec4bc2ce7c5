// Numbers for monitoring, in Prometheus' text format, for node_exporter's textfile collector.
#pragma once

#include "base/error.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace pbx::recording {

/// What one run adds to the counters that the file carries from run to run. Safe to use from several threads.
class Metrics {
  public:
    /// The meaning of each counter, by its name without the tool's prefix and "_total": "legs_moved". All of them are
    /// named beforehand, so that a run which could not even begin keeps what the file has counted.
    using Counters = std::map<std::string, std::string>;

    explicit Metrics(Counters counters) : counters_{std::move(counters)} {}
    void add(const std::string& counter, std::uint64_t more);
    void add_failure(Exit status);

    /// The text of the file after this run of `tool` ("archive"), given the text before it. Keeps lines of other tools.
    std::string text(std::string_view before, const std::string& tool, Exit status,
                     std::chrono::duration<double> length, std::chrono::sys_seconds ended) const;

  private:
    Counters counters_;
    mutable std::mutex guard_;
    std::map<std::string, std::uint64_t> added_;
    std::map<Exit, std::uint64_t> failures_;
};

} // namespace pbx::recording

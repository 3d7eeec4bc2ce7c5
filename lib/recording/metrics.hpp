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
    /// A number as it is now. The next run replaces it. `labels` are as Prometheus writes them, without the braces.
    void set(const std::string& name, const std::string& help, double value, const std::string& labels = {});

    /// The text of the file after this run of `tool` ("archive"), given the text before it. Keeps lines of other tools.
    std::string text(std::string_view before, const std::string& tool, Exit status,
                     std::chrono::duration<double> length, std::chrono::sys_seconds ended) const;

  private:
    struct Gauge {
        std::string help;
        std::map<std::string, double> values; ///< by labels
    };

    Counters counters_;
    mutable std::mutex guard_;
    std::map<std::string, std::uint64_t> added_;
    std::map<Exit, std::uint64_t> failures_;
    std::map<std::string, Gauge> gauges_;
};

} // namespace pbx::recording

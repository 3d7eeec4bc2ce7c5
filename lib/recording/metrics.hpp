// Numbers for monitoring: a file in Prometheus' text format, for node_exporter's textfile collector.
#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace pbx::recording {

/// What one run adds to the counters that the file carries from run to run.
class Metrics {
  public:
    /// What each counter means, by its name without the tool's prefix and the _total at its end: "legs_moved". All of
    /// them are named beforehand, so that a run which could not even begin keeps what the file has counted.
    using Counters = std::map<std::string, std::string>;

    explicit Metrics(Counters counters) : counters_{std::move(counters)} {}
    void add(const std::string& counter, std::uint64_t more) { added_[counter] += more; }
    void fail(Exit kind) { ++failures_[kind]; }

    /// The text of the file after this run of `tool` ("archive"), given the text before it. Lines of other tools stay.
    std::string text(std::string_view before, const std::string& tool, Exit status, double seconds,
                     std::int64_t now) const;

  private:
    Counters counters_;
    std::map<std::string, std::uint64_t> added_;
    std::map<Exit, std::uint64_t> failures_;
};

/// Runs `work` and writes `file`, atomically and whatever became of the work; with an empty `file` it only runs it.
/// A file that cannot be written is reported and worsens the status.
Exit with_metrics(const std::string& file, const std::string& tool, const Metrics::Counters& counters,
                  const std::function<Exit(Metrics&)>& work);

} // namespace pbx::recording

// Numbers for monitoring: a file in Prometheus' text format, for node_exporter's textfile collector.
#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace pbx::recording {

/// What one run adds to the counters that the file carries from run to run.
class Metrics {
  public:
    /// `name` without the tool's prefix and the _total at its end: "legs_moved".
    void add(const std::string& name, const std::string& help, std::uint64_t count);
    void fail(Exit kind) { ++failures_[kind]; }

    /// The text of the file after this run of `tool` ("archive"), given the text before it. Lines of other tools stay.
    std::string text(std::string_view before, const std::string& tool, Exit status, double seconds,
                     std::int64_t now) const;

  private:
    struct Counter {
        std::string help;
        std::uint64_t count = 0;
    };
    std::map<std::string, Counter> counters_;
    std::map<Exit, std::uint64_t> failures_;
};

/// Runs `work` and writes `file`, atomically and whatever became of the work; with an empty `file` it only runs it.
/// A file that cannot be written is reported and worsens the status.
Exit with_metrics(const std::string& file, const std::string& tool, const std::function<Exit(Metrics&)>& work);

} // namespace pbx::recording

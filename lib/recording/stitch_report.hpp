// The JSON report of pbx-stitch on stdout, written call by call so that it needs no memory.
#pragma once

#include "base/error.hpp"
#include "recording/build.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::recording {

/// Safe to use from several threads. A reader that goes away, or a full disk behind stdout, does not stop the batch:
/// the rest of the report is dropped then.
class StitchReport {
  public:
    /// Counts calls, and prints them if `json` is set.
    explicit StitchReport(bool json);

    /// A leg in the folder of halves. All of them come before begin_calls(), and the calls come after it.
    void add_halves(const std::string& leg, const std::string& action, const std::vector<std::string>& remarks,
                    std::optional<double> seconds = {});
    void begin_calls();

    void add(const cdr::Call& call, const std::string& action, const std::string& reason,
             const BuildResult* built = nullptr);
    void add_up_to_date();
    /// Calls with this action so far.
    std::uint64_t count(const std::string& action) const;

    /// "3 calls stitched, 12 up to date": all actions that occurred.
    std::string sentence() const;

    /// Ends the document with `status`, that of the batch. Returns what kept the report from being written whole;
    /// nothing when it was, or nobody reads it.
    std::optional<Error> finish(Exit status);

  private:
    void write(std::string_view text) const;
    void write_entry(const nlohmann::json& entry);

    bool json_;
    mutable std::mutex guard_;
    bool is_first_ = true;
    std::map<std::string, std::uint64_t> counts_; ///< calls by action
    std::uint64_t up_to_date_ = 0;
};

} // namespace pbx::recording

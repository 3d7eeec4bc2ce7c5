// What pbx-stitch did with each call: messages, the JSON report, metrics, progress and the exit status of the batch.
#pragma once

#include "base/error.hpp"
#include "base/progress.hpp"
#include "recording/build.hpp"
#include "recording/metrics.hpp"
#include "recording/stitch_report.hpp"
#include "recording/weave_leg.hpp"

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace pbx::recording {

/// Safe to use from several threads, but for finish() and expect().
class StitchResults {
  public:
    StitchResults(bool json, bool dry_run, Metrics& metrics);

    /// How many calls there are in all; 0: not known.
    void expect(std::uint64_t calls) { progress_.expect(calls, 0); }
    void add_bytes(std::uint64_t bytes) { progress_.add(0, bytes); }

    /// The legs in the folder of halves, until all of them were looked at.
    void woven(const WovenLeg& leg);
    void would_weave(const std::string& leg);
    void wove_later(const std::string& leg, const std::string& reason);
    void not_woven(const std::string& leg, const Error& error);
    void begin_calls() { report_.begin_calls(); }

    void stitched(const cdr::Call& call, const std::string& reason, const BuildResult& built);
    /// A call without one leg that has audio gets no recording.
    void without_audio(const cdr::Call& call, const BuildResult& built);
    void would_stitch(const cdr::Call& call, const std::string& reason);
    void up_to_date(const cdr::Call& call);
    /// No leg of the call is or was on this node.
    void belongs_elsewhere(const cdr::Call& call);
    /// The next run will do it.
    void left(const cdr::Call& call, const std::string& reason);
    void failed(const cdr::Call& call, const Error& error);
    /// The archive did not give a leg, or there is no room for the recording. Many calls can have the same error, so
    /// the message comes once, from finish().
    void held_up(const cdr::Call& call, const Error& error);
    /// A failure of many calls at once, each of which also gets not_saved().
    void failed(const Error& error);
    void not_saved(const cdr::Call& call, const Error& error) { add(call, "failed", error.what()); }
    void record_status(Exit status);
    std::uint64_t stitched_count() const { return report_.count("stitched"); }

    /// Prints what is left, and returns the worst status.
    Exit finish();

  private:
    // Calls that have one error.
    struct HeldUp {
        Exit status;
        std::size_t calls;
        std::string names; ///< of the first few
    };

    void add(const cdr::Call& call, const char* action, const std::string& reason, const BuildResult* built = nullptr);
    void report_held_up() const;

    bool is_dry_run_;
    Metrics& metrics_;
    StitchReport report_;
    Progress progress_;
    std::mutex guard_;
    Exit status_ = Exit::ok;
    std::map<std::pair<std::string, std::string>, HeldUp> held_up_; ///< by the error's message and hint
};

} // namespace pbx::recording

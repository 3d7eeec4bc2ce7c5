// How many objects travel at once, and how many one rclone run carries: decided by what the line has given so far.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pbx {

/// What is assumed of every line: one that carries less, in bytes per second, is as good as none.
constexpr std::uint64_t slowest_line = 5'000;

/// A thin line carries few objects at once, so that each arrives soon and an interruption costs little; any other line
/// carries eight. One for each direction.
class Pace {
  public:
    /// `first`: how many objects the first run carries, all at once, before anything is known of the line. `transfers`:
    /// how many always travel at once; 0: decide.
    Pace(std::size_t first, unsigned transfers) : first_{first}, transfers_{transfers} {}

    struct Run {
        std::size_t objects = 0;
        unsigned transfers = 1;
    };
    /// The next run, for objects of these sizes (bytes, in the order in which they travel; not empty).
    Run next(const std::vector<std::uint64_t>& sizes) const;
    /// A run for all of them, after one that carried none: a single object that never arrives must not delay the rest.
    Run all(const std::vector<std::uint64_t>& sizes) const;

    /// What a run has carried, and in what time.
    void measured(std::uint64_t bytes, std::chrono::duration<double> time);

  private:
    unsigned transfers_for(const std::vector<std::uint64_t>& sizes) const;

    std::size_t first_;
    unsigned transfers_;
    double rate_ = 0; ///< bytes per second of the last run; 0: not known
};

} // namespace pbx

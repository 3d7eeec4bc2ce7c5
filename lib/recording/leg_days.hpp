// In which folders of days a leg may lie, where the spool has such folders.
#pragma once

#include "cdr/legs.hpp"
#include "spool/leg_folders.hpp"

#include <string>
#include <vector>

namespace pbx::recording {

/// The day that a row's path names. Without such a path, those that the leg's name has, and the local day on which the
/// call began, with the days before and after it: a recording begins after midnight, or the clocks of two machines
/// differ. A few look-ups find a leg in this way, whatever number of days the spool has.
std::vector<spool::Day> likely_days(const cdr::Call& call, const std::string& leg);

/// The days in a leg's name: 20250901 in "20250901-101500-100.wav" and in "out-5551234-100-20250901-101500-1.wav".
std::vector<spool::Day> days_in_name(const std::string& leg);

} // namespace pbx::recording

// When recordings began, according to their names and to their CDR rows: these come from two clocks and two zones.
#pragma once

#include "base/deadline.hpp"

#include <soci/soci.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::cdr {

/// The time at the beginning of a recording's name, "20260418-144004-...", which is UTC; nothing for any other name.
std::optional<std::chrono::sys_seconds> time_in_name(std::string_view name);

struct RecordingTimes {
    std::string name;
    std::chrono::sys_seconds named{};   ///< time_in_name()
    std::chrono::sys_seconds started{}; ///< calldate
    std::chrono::seconds duration{0};

    /// How far the row is ahead of the name; negative when it is behind, 0 when the name's time lies within the row's.
    std::chrono::seconds row_ahead() const;
};

/// The newest rows of the last week that name a recording with a time, at most twenty. Throws Error: unavailable, also
/// when the server does not answer by `deadline`; config.
std::vector<RecordingTimes> newest_recording_times(soci::session& session, const Deadline& deadline);

} // namespace pbx::cdr

// Times as an operator writes and reads them, in the operator's time zone.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace pbx {

/// The time that "25h" (ago; any duration, see duration.hpp), "now", "today", "yesterday" (their midnights),
/// "2026-04-18" (midnight), "2026-04-18T14:40" or "2026-04-18T14:40:05" stands for. The T may be a blank, and a final
/// "Z" or "+05:30" names another zone. Throws Error (usage).
std::chrono::sys_seconds parse_time(std::string_view text, std::chrono::sys_seconds now);

/// The system's clock in whole seconds. Times from a database, a disk or a remote must be compared with this one: C++
/// would convert them to the clock's nanoseconds, which end in 2262.
std::chrono::sys_seconds current_second();

/// "2026-04-18T14:40:05Z"
std::string utc_time(std::chrono::sys_seconds time);

/// "2026-04-18T14:40:05+05:30"
std::string iso_time(std::chrono::sys_seconds time);

/// "2026-04-18 14:40:05", for people; "2026-10-25 02:30:00+01:00" in an hour that the clock shows twice.
std::string shown_time(std::chrono::sys_seconds time);
/// The same without seconds.
std::string shown_minute(std::chrono::sys_seconds time);

} // namespace pbx

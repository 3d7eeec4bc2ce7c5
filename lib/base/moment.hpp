// Moments as an operator writes and reads them, in the operator's time zone.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace pbx {

/// Unix time of "25h" (ago; also s, m, d), "now", "today", "yesterday" (their midnights), "2026-04-18" (midnight),
/// "2026-04-18T14:40", "2026-04-18T14:40:05", with a blank for the T too, and with "Z" or "+05:30" for another zone.
/// Throws Error (usage).
std::int64_t parse_moment(std::string_view text, std::int64_t now);

/// "2026-04-18T14:40:05+05:30"
std::string iso_time(std::int64_t moment);

/// "2026-04-18 14:40:05", for eyes.
std::string shown_time(std::int64_t moment);

} // namespace pbx

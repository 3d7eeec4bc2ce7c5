// Spans of time as an operator writes them, on the command line and in pbx.conf.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace pbx {

/// "90" (seconds), "90s", "5m", "25h", "7d", "1w", or several units, the largest first: "1h30m". Nothing for any other
/// text, and for more than a hundred years.
std::optional<std::chrono::seconds> read_duration(std::string_view text);

/// The same. Throws Error (usage) where read_duration() returns nothing.
std::chrono::seconds parse_duration(std::string_view text);

} // namespace pbx

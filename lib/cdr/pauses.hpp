// When the recording of a call was paused, as its CDR rows name it in recording_paused: "12-47,80-".
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::cdr {

struct Pause {
    std::chrono::seconds from{0};                ///< into the call
    std::optional<std::chrono::seconds> until{}; ///< nothing: the call ended during the pause
    bool operator==(const Pause&) const = default;
};

/// The pauses of a call, by time, from the texts of its rows one after another, separated by commas. A row that was
/// written during a pause does not know its end, which a later row names. What is not a pause is left out.
std::vector<Pause> parse_pauses(std::string_view texts);

/// "12-47,80-"
std::string pauses_text(const std::vector<Pause>& pauses);

} // namespace pbx::cdr

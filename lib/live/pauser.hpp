// Begins a pause.
#pragma once

#include "base/error.hpp"
#include "live/asterisk_calls.hpp"
#include "live/turn.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace pbx::live {

/// Writes the entry of the pause, and then stops what records the call. Throws Error: not_recorded when nothing does;
/// temporary when it is not certain that nothing records, or that the pause will end by itself.
Exit begin_pause(const AsteriskCalls& asterisk, const std::string& call, std::chrono::seconds span,
                 const std::vector<Channel>& channels, Turn& turn);

} // namespace pbx::live

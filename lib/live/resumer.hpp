// Ends a pause.
#pragma once

#include "base/error.hpp"
#include "live/asterisk_calls.hpp"

#include <string>

namespace pbx::live {

/// Removes the entry of the pause, where there is one, and then continues the recorders that wait: also those that a
/// run left which ended the pause and was interrupted. Throws Error, of the worst status of a recorder that does not
/// continue; the others do.
Exit end_pause(const AsteriskCalls& asterisk, const std::string& call);

} // namespace pbx::live

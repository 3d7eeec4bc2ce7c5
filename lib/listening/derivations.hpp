// What is made of a recording on request: another encoding, one channel, an outline.
#pragma once

#include "listening/http_answer.hpp"
#include "recording/conversion.hpp"

#include <string>

namespace pbx::listening {

/// From the parameters format and channel. Throws Refusal (400).
recording::Conversion parse_conversion(const Request& request);

/// The field Content-Disposition: the name under which the recording is saved, and whether it is to be saved.
std::string disposition_of(const recording::Conversion& conversion, const Request& request);

Derivation converted(const recording::Conversion& conversion, const Request& request);

/// The recording's outline, for a waveform: audio/peaks.hpp.
Derivation outline();

} // namespace pbx::listening

// What a call answered about its recording, as its CDR rows have it in recording_consent.
#pragma once

#include <string>
#include <string_view>

namespace pbx::cdr {

/// The answers of a call, in the order in which docs and manual pages list them, each once: "granted", and
/// "granted,declined" where a transfer joined two calls. `texts` are those of its rows one after another, separated by
/// commas. What is not an answer is left out.
std::string consent_text(std::string_view texts);

} // namespace pbx::cdr

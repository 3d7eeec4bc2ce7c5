// How an organization's calls are recorded: settings.recording_channels and settings.recording_rate, as JSON.
#pragma once

#include <string>

namespace pbx::dialplan {

/// Why `channels` is neither 1 nor 2, as a number or a text; empty for one that is, and for none.
std::string channels_fault(const std::string& channels);
/// That number; 1 without one, or if it is invalid. With 2 the caller and the called side are recorded apart.
int channels_value(const std::string& channels);

/// Why `rate` is neither 8000 nor 16000, as a number or a text; empty for one that is, and for none.
std::string rate_fault(const std::string& rate);
/// That number, in samples per second; 8000 without one, or if it is invalid.
int rate_value(const std::string& rate);

} // namespace pbx::dialplan

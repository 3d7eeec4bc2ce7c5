// A fault must not end the recording of an organization: its calls are recorded as without the setting.
#include "dialplan/recording_settings.hpp"

#include "dialplan/fault.hpp"

#include <fmt/format.h>

namespace pbx::dialplan {

namespace {

// As a JSON number, or as a text with it.
bool is(const std::string& json, int number) {
    return json == std::to_string(number) || json == fmt::format("\"{}\"", number);
}

std::string fault_of(const std::string& json, int usual, int other, const char* consequence) {
    if (json.empty() || json == "null" || is(json, usual) || is(json, other))
        return {};
    return fmt::format("{} is neither {} nor {}; {}", in_quotes(json), usual, other, consequence);
}

constexpr int narrow_band = 8000;
constexpr int wide_band = 16000;

} // namespace

std::string channels_fault(const std::string& channels) {
    return fault_of(channels, 1, 2, "calls are recorded in one channel");
}

int channels_value(const std::string& channels) {
    return is(channels, 2) ? 2 : 1;
}

std::string rate_fault(const std::string& rate) {
    return fault_of(rate, narrow_band, wide_band, "calls are recorded with 8000 samples per second");
}

int rate_value(const std::string& rate) {
    return is(rate, wide_band) ? wide_band : narrow_band;
}

} // namespace pbx::dialplan

// A call's direction, its length and its parties follow from all of its rows, so they are judged after these were read,
// by what the listing prints.
#include "cdr/call_filter.hpp"

#include "base/error.hpp"
#include "base/name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace pbx::cdr {

bool CallFilter::looks_at_rows() const {
    return direction || !extension.empty() || min_duration.count() > 0 || recorded || unrecorded;
}

bool CallFilter::passes(const Journey& call, const TenantNames* tenant) const {
    const bool has_recording = call.legs > 0;
    return (!direction || call.direction == *direction) && call.duration >= min_duration &&
           (!recorded || has_recording) && (!unrecorded || (!has_recording && call.disposition == "ANSWERED")) &&
           (extension.empty() || took_part(call, extension, tenant));
}

std::string parse_disposition(const std::string& given) {
    std::string result;
    for (const char c : given)
        result += c == '-' || c == '_' ? ' ' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    if (result == "NOANSWER")
        result = "NO ANSWER";
    static constexpr std::array known{"", "ANSWERED", "NO ANSWER", "BUSY", "FAILED", "CONGESTION"};
    if (std::find(known.begin(), known.end(), result) == known.end())
        throw Error{Exit::usage, fmt::format("unknown disposition \"{}\"", shown(given)),
                    "use answered, no-answer, busy, failed or congestion"};
    return result;
}

std::optional<Direction> parse_direction(const std::string& given) {
    std::string wanted;
    for (const char c : given)
        wanted += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    for (const auto direction : {Direction::inbound, Direction::outbound, Direction::internal})
        if (wanted == direction_name(direction))
            return direction;
    if (!given.empty())
        throw Error{Exit::usage, fmt::format("unknown direction \"{}\"", shown(given)),
                    "use inbound, outbound or internal"};
    return std::nullopt;
}

} // namespace pbx::cdr

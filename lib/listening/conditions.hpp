// Which part of a representation a request gets: ranges and conditions, as in RFC 9110, sections 13 and 14.
#pragma once

#include "listening/request.hpp"
#include "recording/part.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pbx::listening {

struct Representation {
    std::uint64_t length = 0; ///< bytes
    std::string etag;         ///< strong, with its quotes; empty: none
    std::optional<std::chrono::sys_seconds> modified{};
};

struct Plan {
    int status = 200;       ///< 200, 206, 304 or 416
    recording::Part part{}; ///< what the body is; of a HEAD request, what it would be
};

/// One range is served as such; several are answered with the whole, and so is a header field that is malformed.
Plan plan_answer(const Request& request, const Representation& representation);

/// Whether a Range field wants everything, as that of a browser which begins to play.
bool is_whole_range(std::string_view range);

/// A time as header fields have it: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_time(std::chrono::sys_seconds time);
/// Nothing for any other form.
std::optional<std::chrono::sys_seconds> parse_http_time(std::string_view text);

} // namespace pbx::listening

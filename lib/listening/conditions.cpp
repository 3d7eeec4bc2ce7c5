#include "listening/conditions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace pbx::listening {

namespace {

using recording::Part;

constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::string_view trimmed(std::string_view text) {
    const auto begin = std::min(text.find_first_not_of(" \t"), text.size());
    return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

// A number of bytes; one with more digits than fit counts as the largest. Nothing when it is not a number.
std::optional<std::uint64_t> parse_number(std::string_view digits) {
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos)
        return std::nullopt;
    std::uint64_t number = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return failed == std::errc{} ? number : ~std::uint64_t{0};
}

struct Range {
    std::optional<std::uint64_t> first; ///< nothing: the last `last` bytes
    std::optional<std::uint64_t> last;  ///< nothing: to the end
};

// Nothing for several ranges, another unit, and whatever is malformed.
std::optional<Range> parse_range(std::string_view field) {
    constexpr std::string_view unit = "bytes=";
    if (!field.starts_with(unit))
        return std::nullopt;
    const auto range = trimmed(field.substr(unit.size()));
    const auto dash = range.find('-');
    if (dash == std::string_view::npos)
        return std::nullopt;
    const Range parsed{parse_number(range.substr(0, dash)), parse_number(range.substr(dash + 1))};
    const bool is_fit = (parsed.first || dash == 0) && (parsed.last || dash + 1 == range.size()) &&
                        (parsed.first || parsed.last) &&
                        (!parsed.first || !parsed.last || *parsed.first <= *parsed.last);
    return is_fit ? std::optional{parsed} : std::nullopt;
}

// Empty when no byte of the representation is in the range.
Part part_of(const Range& range, std::uint64_t length) {
    if (!range.first) {
        const auto last = std::min(*range.last, length);
        return {length - last, last};
    }
    if (*range.first >= length)
        return {};
    const auto end = range.last ? std::min(*range.last, length - 1) + 1 : length;
    return {*range.first, end - *range.first};
}

// "If-None-Match" compares weakly: RFC 9110, section 13.1.2.
bool lists_etag(std::string_view field, std::string_view etag) {
    if (trimmed(field) == "*")
        return true;
    while (!etag.empty() && !field.empty()) {
        auto item = trimmed(field.substr(0, field.find(',')));
        if (item.starts_with("W/"))
            item.remove_prefix(2);
        if (item == etag)
            return true;
        field.remove_prefix(std::min(field.find(','), field.size() - 1) + 1);
    }
    return false;
}

bool is_unchanged(const Request& request, const Representation& representation) {
    if (!request.if_none_match.empty())
        return lists_etag(request.if_none_match, representation.etag);
    const auto since = parse_http_time(request.if_modified_since);
    return since && representation.modified && *representation.modified <= *since;
}

// Whether the client has a part of just this representation.
bool may_have_range(const Request& request, const Representation& representation) {
    if (request.if_range.empty())
        return true;
    if (request.if_range == representation.etag)
        return !representation.etag.empty();
    const auto time = parse_http_time(request.if_range);
    return time && representation.modified && *time == *representation.modified;
}

} // namespace

Plan plan_answer(const Request& request, const Representation& representation) {
    if (is_unchanged(request, representation))
        return {304, {}};
    // A range is for GET alone: RFC 9110, section 14.2.
    const auto range = request.is_head() ? std::nullopt : parse_range(request.range);
    if (!range || !may_have_range(request, representation))
        return {200, {0, representation.length}};
    const auto part = part_of(*range, representation.length);
    return part.length == 0 ? Plan{416, {}} : Plan{206, part};
}

bool is_whole_range(std::string_view range) {
    const auto parsed = parse_range(range);
    return parsed && parsed->first == 0 && !parsed->last;
}

std::string http_time(std::chrono::sys_seconds time) {
    const std::time_t seconds = time.time_since_epoch().count();
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", days.at(static_cast<std::size_t>(utc.tm_wday)),
                       utc.tm_mday, months.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900, utc.tm_hour,
                       utc.tm_min, utc.tm_sec);
}

// The C library's strptime() knows the names of days and months in the language of the locale, which is always "C"
// here.
std::optional<std::chrono::sys_seconds> parse_http_time(std::string_view text) {
    const std::string copy{text};
    std::tm utc{};
    const char* end = ::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
    if (copy.empty() || end != copy.c_str() + copy.size())
        return std::nullopt;
    const std::chrono::sys_seconds time{std::chrono::seconds{::timegm(&utc)}};
    return http_time(time) == text ? std::optional{time} : std::nullopt;
}

} // namespace pbx::listening

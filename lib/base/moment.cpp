// Uses the C library, which knows time zones and summer time; C++ in GCC 12 does not.
#include "base/moment.hpp"

#include "base/deadline.hpp"
#include "base/error.hpp"
#include "base/name.hpp"

#include <array>
#include <cstring>
#include <ctime>
#include <optional>

namespace pbx {

namespace {

std::tm local(std::chrono::sys_seconds time) {
    const std::time_t seconds = time.time_since_epoch().count();
    std::tm result{};
    ::localtime_r(&seconds, &result);
    return result;
}

std::chrono::sys_seconds from_local(std::tm time) {
    time.tm_isdst = -1;
    return std::chrono::sys_seconds{std::chrono::seconds{::mktime(&time)}};
}

std::chrono::sys_seconds midnight(std::chrono::sys_seconds time, int days_before) {
    auto day = local(time);
    day.tm_mday -= days_before;
    day.tm_hour = day.tm_min = day.tm_sec = 0;
    return from_local(day);
}

std::string formatted(const char* format, const std::tm& time) {
    std::array<char, 64> text{};
    return {text.data(), ::strftime(text.data(), text.size(), format, &time)};
}

// The offset from UTC of "Z", "+05:30", "+0530" or "+05".
std::optional<std::chrono::seconds> parse_zone(const char* text) {
    if (std::strpbrk(text, "Z+-") != text)
        return std::nullopt;
    std::tm zone{};
    const char* end = ::strptime(text, "%z", &zone);
    if (end == nullptr || *end != '\0')
        return std::nullopt;
    // glibc accepts any number of hours.
    const std::chrono::seconds offset{zone.tm_gmtoff};
    constexpr std::chrono::hours farthest{18};
    return std::chrono::abs(offset) <= farthest ? std::optional{offset} : std::nullopt;
}

// Parses `text` in `format`. Only a zone may follow, and only if `may_have_zone`.
std::optional<std::chrono::sys_seconds> parse_as(const char* format, const std::string& text, bool may_have_zone) {
    std::tm given{};
    const char* rest = ::strptime(text.c_str(), format, &given);
    if (rest == nullptr)
        return std::nullopt;
    const auto zone = parse_zone(rest);
    if (*rest != '\0' && !(zone && may_have_zone))
        return std::nullopt;
    auto calendar = given;
    const std::chrono::sys_seconds as_utc{std::chrono::seconds{::timegm(&calendar)}};
    // strptime() accepts 30 February, one-digit days and blanks. Formatting the result again detects them.
    if (as_utc.time_since_epoch().count() < 0 || formatted(format, calendar) != std::string_view{text.c_str(), rest})
        return std::nullopt;
    return zone ? as_utc - *zone : from_local(given);
}

std::optional<std::chrono::sys_seconds> parse_date(std::string text) {
    constexpr std::size_t date_length = 10;
    if (text.size() > date_length && text[date_length] == ' ')
        text[date_length] = 'T';
    if (const auto day = parse_as("%Y-%m-%d", text, false))
        return day;
    if (const auto minute = parse_as("%Y-%m-%dT%H:%M", text, true))
        return minute;
    return parse_as("%Y-%m-%dT%H:%M:%S", text, true);
}

} // namespace

std::chrono::sys_seconds parse_time(std::string_view text, std::chrono::sys_seconds now) {
    if (text == "now")
        return now;
    if (text == "today")
        return midnight(now, 0);
    if (text == "yesterday")
        return midnight(now, 1);
    if (const auto date = parse_date(std::string{text}))
        return *date;
    if (!text.empty() && text.find_first_not_of("0123456789") == text.size() - 1)
        return now - parse_duration(text);
    throw Error{Exit::usage, "\"" + shown(text) + "\" is not a valid time",
                "give a time ago (25h, 7d), a day (2026-04-18, yesterday) or a time (2026-04-18T14:40)"};
}

std::chrono::sys_seconds current_second() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

std::string utc_time(std::chrono::sys_seconds time) {
    const std::time_t seconds = time.time_since_epoch().count();
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    return formatted("%Y-%m-%dT%H:%M:%SZ", parts);
}

std::string iso_time(std::chrono::sys_seconds time) {
    // strftime() writes "+0530".
    auto text = formatted("%Y-%m-%dT%H:%M:%S%z", local(time));
    return text.insert(text.size() - 2, ":");
}

std::string shown_time(std::chrono::sys_seconds time) {
    return formatted("%Y-%m-%d %H:%M:%S", local(time));
}

} // namespace pbx

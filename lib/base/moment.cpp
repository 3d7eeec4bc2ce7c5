// Uses the C library, which knows time zones and summer time; C++ in GCC 12 does not.
#include "base/moment.hpp"

#include "base/duration.hpp"
#include "base/error.hpp"
#include "base/name.hpp"

#include <algorithm>
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
    if (const auto ago = read_duration(text))
        return now - *ago;
    throw Error{Exit::usage, "\"" + shown(text) + "\" is not a valid time",
                "give a time ago (90s, 25h, 1h30m, 1w), a day (2026-04-18, today, yesterday) or a time "
                "(2026-04-18T14:40)"};
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

namespace {

std::string zone_of(const std::tm& time) {
    // strftime() writes "+0530".
    auto zone = formatted("%z", time);
    return zone.insert(zone.size() - 2, ":");
}

// Whether a clock shows this time twice, because it is set back: another instant has the same time in another zone.
bool is_shown_twice(std::chrono::sys_seconds time, const std::tm& shown) {
    constexpr std::array<std::chrono::hours, 2> spans{std::chrono::hours{-2}, std::chrono::hours{2}};
    return std::any_of(spans.begin(), spans.end(), [&](std::chrono::hours span) {
        const auto other = local(time + span).tm_gmtoff;
        const std::chrono::seconds difference{shown.tm_gmtoff - other};
        return difference.count() != 0 && local(time + difference).tm_gmtoff == other;
    });
}

std::string shown_as(const char* format, std::chrono::sys_seconds time) {
    const auto parts = local(time);
    return formatted(format, parts) + (is_shown_twice(time, parts) ? zone_of(parts) : std::string{});
}

} // namespace

std::string iso_time(std::chrono::sys_seconds time) {
    const auto parts = local(time);
    return formatted("%Y-%m-%dT%H:%M:%S", parts) + zone_of(parts);
}

std::string shown_time(std::chrono::sys_seconds time) {
    return shown_as("%Y-%m-%d %H:%M:%S", time);
}

std::string shown_minute(std::chrono::sys_seconds time) {
    return shown_as("%Y-%m-%d %H:%M", time);
}

} // namespace pbx

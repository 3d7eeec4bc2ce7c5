// The C library knows the zone that TZ or the system names, with its summer times; C++ in GCC 12 does not.
#include "base/moment.hpp"

#include "base/deadline.hpp"
#include "base/error.hpp"
#include "base/name.hpp"

#include <fmt/format.h>

#include <ctime>
#include <optional>

namespace pbx {

namespace {

class Reader {
  public:
    explicit Reader(std::string_view text) : text_{text} {}

    bool at_end() const { return text_.empty(); }

    bool take(char c) {
        if (text_.empty() || text_.front() != c)
            return false;
        text_.remove_prefix(1);
        return true;
    }

    // Exactly so many digits.
    std::optional<int> number(std::size_t digits) {
        if (text_.size() < digits)
            return std::nullopt;
        int result = 0;
        for (std::size_t i = 0; i < digits; ++i) {
            if (text_[i] < '0' || text_[i] > '9')
                return std::nullopt;
            result = result * 10 + (text_[i] - '0');
        }
        text_.remove_prefix(digits);
        return result;
    }

  private:
    std::string_view text_;
};

std::tm local(std::int64_t moment) {
    const auto time = static_cast<std::time_t>(moment);
    std::tm result{};
    ::localtime_r(&time, &result);
    return result;
}

std::int64_t midnight(std::int64_t moment, int days_before) {
    auto day = local(moment);
    day.tm_mday -= days_before;
    day.tm_hour = day.tm_min = day.tm_sec = 0;
    day.tm_isdst = -1;
    return ::mktime(&day);
}

// Seconds east of Greenwich, or nothing where the text names no zone.
bool take_zone(Reader& reader, std::optional<std::int64_t>& offset) {
    if (reader.take('Z')) {
        offset = 0;
        return true;
    }
    const bool west = reader.take('-');
    if (!west && !reader.take('+'))
        return true;
    const auto hours = reader.number(2);
    reader.take(':');
    const auto minutes = reader.at_end() ? std::optional<int>{0} : reader.number(2);
    if (!hours || !minutes || *hours > 18 || *minutes > 59)
        return false;
    offset = (west ? -1 : 1) * (*hours * 3600LL + *minutes * 60LL);
    return true;
}

std::optional<std::int64_t> parse_date(std::string_view text) {
    Reader reader{text};
    const auto year = reader.number(4);
    const bool first = reader.take('-');
    const auto month = reader.number(2);
    const bool second = reader.take('-');
    const auto day = reader.number(2);
    if (!year || !first || !month || !second || !day)
        return std::nullopt;
    std::tm given{};
    std::optional<std::int64_t> offset;
    if (!reader.at_end()) {
        if (!reader.take('T') && !reader.take(' '))
            return std::nullopt;
        const auto hour = reader.number(2);
        const bool colon = reader.take(':');
        const auto minute = reader.number(2);
        if (!hour || !colon || !minute)
            return std::nullopt;
        std::optional<int> second_of_minute = 0;
        if (reader.take(':'))
            second_of_minute = reader.number(2);
        if (!second_of_minute || !take_zone(reader, offset) || !reader.at_end())
            return std::nullopt;
        given.tm_hour = *hour;
        given.tm_min = *minute;
        given.tm_sec = *second_of_minute;
    }
    given.tm_year = *year - 1900;
    given.tm_mon = *month - 1;
    given.tm_mday = *day;
    given.tm_isdst = -1;
    // What is no day of the calendar comes back as another one.
    auto calendar = given;
    calendar.tm_isdst = 0;
    const auto as_utc = static_cast<std::int64_t>(::timegm(&calendar));
    if (*year < 1970 || calendar.tm_mon != given.tm_mon || calendar.tm_mday != given.tm_mday ||
        calendar.tm_hour != given.tm_hour || calendar.tm_min != given.tm_min || calendar.tm_sec != given.tm_sec)
        return std::nullopt;
    return offset ? as_utc - *offset : static_cast<std::int64_t>(::mktime(&given));
}

} // namespace

std::int64_t parse_moment(std::string_view text, std::int64_t now) {
    if (text == "now")
        return now;
    if (text == "today")
        return midnight(now, 0);
    if (text == "yesterday")
        return midnight(now, 1);
    if (const auto date = parse_date(text))
        return *date;
    if (!text.empty() && text.find_first_not_of("0123456789") == text.size() - 1)
        return now - parse_duration(text).count();
    throw Error{Exit::usage, "\"" + shown(text) + "\" is no moment",
                "give a time ago (25h, 7d), a day (2026-04-18, yesterday) or a time (2026-04-18T14:40)"};
}

std::string iso_time(std::int64_t moment) {
    const auto time = local(moment);
    const auto minutes = time.tm_gmtoff / 60;
    const auto absolute = minutes < 0 ? -minutes : minutes;
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{:02}:{:02}", time.tm_year + 1900, time.tm_mon + 1,
                       time.tm_mday, time.tm_hour, time.tm_min, time.tm_sec, minutes < 0 ? '-' : '+', absolute / 60,
                       absolute % 60);
}

std::string shown_time(std::int64_t moment) {
    const auto time = local(moment);
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", time.tm_year + 1900, time.tm_mon + 1, time.tm_mday,
                       time.tm_hour, time.tm_min, time.tm_sec);
}

} // namespace pbx

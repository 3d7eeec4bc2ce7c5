#include "recording/leg_days.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

namespace pbx::recording {

namespace {

using spool::Day;

constexpr std::size_t date_length = 8; // 20250901

void add(std::vector<Day>& days, Day day) {
    if (std::find(days.begin(), days.end(), day) == days.end())
        days.push_back(std::move(day));
}

// The machine's own zone: the program that recorded the call has named the folder by it.
Day local_day(std::chrono::sys_seconds time) {
    const std::time_t seconds = time.time_since_epoch().count();
    std::tm local{};
    if (::localtime_r(&seconds, &local) == nullptr)
        return {};
    constexpr int first_year = 1900;
    return fmt::format("{:04}/{:02}/{:02}", local.tm_year + first_year, local.tm_mon + 1, local.tm_mday);
}

} // namespace

std::vector<Day> days_in_name(const std::string& leg) {
    std::vector<Day> days;
    for (std::size_t begin = 0; begin < leg.size();) {
        const auto end = std::min(leg.find('-', begin), leg.size());
        const auto part = leg.substr(begin, end - begin);
        const bool is_date =
            part.size() == date_length && part.find_first_not_of("0123456789") == std::string::npos && end < leg.size();
        if (is_date)
            add(days, part.substr(0, 4) + "/" + part.substr(4, 2) + "/" + part.substr(6, 2));
        begin = end + 1;
    }
    return days;
}

std::vector<Day> likely_days(const cdr::Call& call, const std::string& leg) {
    // Another day may have another file of this name.
    if (const auto named = call.days.find(leg); named != call.days.end())
        return {named->second};
    auto days = days_in_name(leg);
    for (const auto away : {std::chrono::days{0}, std::chrono::days{1}, std::chrono::days{-1}})
        add(days, local_day(call.started + away));
    return days;
}

} // namespace pbx::recording

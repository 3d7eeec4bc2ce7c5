// Times as operators write them, in any zone.
#include "base/error.hpp"
#include "base/moment.hpp"
#include "catch.hpp"

#include <cstdlib>
#include <ctime>

using pbx::iso_time;
using pbx::parse_time;

namespace {

// The process's zone, restored at the end.
class Zone {
  public:
    explicit Zone(const char* name) {
        const char* before = std::getenv("TZ");
        before_ = before == nullptr ? "" : before;
        set(name);
    }
    Zone(const Zone&) = delete;
    Zone& operator=(const Zone&) = delete;
    ~Zone() { set(before_); }

  private:
    static void set(const std::string& name) {
        if (name.empty())
            ::unsetenv("TZ");
        else
            ::setenv("TZ", name.c_str(), 1);
        ::tzset();
    }

    std::string before_;
};

constexpr std::chrono::sys_seconds now{std::chrono::seconds{1776522604}}; // 2026-04-18T14:30:04Z

} // namespace

TEST_CASE("a time ago is counted from now") {
    CHECK(parse_time("25h", now) == now - std::chrono::hours{25});
    CHECK(parse_time("7d", now) == now - std::chrono::days{7});
    CHECK(parse_time("90s", now) == now - std::chrono::seconds{90});
    CHECK(parse_time("5", now) == now - std::chrono::seconds{5});
    CHECK(parse_time("1w", now) == now - std::chrono::days{7});
    CHECK(parse_time("1h30m", now) == now - std::chrono::minutes{90});
    CHECK(parse_time("now", now) == now);
}

TEST_CASE("a day is the midnight of the operator's zone") {
    // As POSIX writes zones, so that the test needs no zone files: five and a half hours east.
    const Zone india{"IST-5:30"};
    CHECK(iso_time(now) == "2026-04-18T20:00:04+05:30");
    CHECK(iso_time(parse_time("2026-04-18", now)) == "2026-04-18T00:00:00+05:30");
    CHECK(iso_time(parse_time("today", now)) == "2026-04-18T00:00:00+05:30");
    CHECK(iso_time(parse_time("yesterday", now)) == "2026-04-17T00:00:00+05:30");
    CHECK(iso_time(parse_time("2026-04-18T14:40", now)) == "2026-04-18T14:40:00+05:30");
    CHECK(iso_time(parse_time("2026-04-18 14:40:59", now)) == "2026-04-18T14:40:59+05:30");
    CHECK(iso_time(parse_time("2026-04-18T00:00Z", now)) == "2026-04-18T05:30:00+05:30");
    CHECK(iso_time(parse_time("2026-04-18T00:00:00-01:30", now)) == "2026-04-18T07:00:00+05:30");
}

TEST_CASE("yesterday is the day before, also when one of the two has 23 or 25 hours") {
    const Zone berlin{"CET-1CEST,M3.5.0,M10.5.0/3"};
    CHECK(iso_time(parse_time("yesterday", std::chrono::sys_seconds{std::chrono::seconds{1774821600}})) ==
          "2026-03-29T00:00:00+01:00"); // 2026-03-30 00:00 CEST
    CHECK(iso_time(parse_time("yesterday", std::chrono::sys_seconds{std::chrono::seconds{1792969200}})) ==
          "2026-10-25T00:00:00+02:00"); // 2026-10-26 00:00 CET
    CHECK(iso_time(parse_time("2026-07-01", now)) == "2026-07-01T00:00:00+02:00");
}

TEST_CASE("a time for people carries its offset in the hour that the clock shows twice, and only there") {
    const Zone berlin{"CET-1CEST,M3.5.0,M10.5.0/3"};
    const auto minute = [](std::int64_t seconds) {
        return pbx::shown_minute(std::chrono::sys_seconds{std::chrono::seconds{seconds}});
    };
    CHECK(minute(1792886340) == "2026-10-25 01:59");
    CHECK(minute(1792886400) == "2026-10-25 02:00+02:00");
    CHECK(minute(1792889940) == "2026-10-25 02:59+02:00");
    CHECK(minute(1792890000) == "2026-10-25 02:00+01:00");
    CHECK(minute(1792893540) == "2026-10-25 02:59+01:00");
    CHECK(minute(1792893600) == "2026-10-25 03:00");
    CHECK(minute(1774745940) == "2026-03-29 01:59");
    CHECK(minute(1774746000) == "2026-03-29 03:00");
}

TEST_CASE("a text that is not a time is refused, and so is a day that the calendar does not have") {
    for (const auto* text : {"",
                             "25x",
                             "h",
                             "tomorrow",
                             "2026-02-30",
                             "2026-13-01",
                             "2026-4-18",
                             "2026-04-18T",
                             "2026-04-18T25:00",
                             "2026-04-18T14:60",
                             "2026-04-18T14:40x",
                             "2026-04-18T14:40+99:00",
                             "-1h",
                             "2026-04-18Z",
                             "2026-04- 8",
                             " 2026-04-18",
                             "2026-04-18T14:40 Z",
                             "2026-04-18T1:40",
                             "99999999999999999999h",
                             "1969-01-01",
                             "2026-04-18\n",
                             "1h2"})
        CHECK_THROWS_AS(parse_time(text, now), pbx::Error);
}

TEST_CASE("a time that nanoseconds cannot hold is printed as it is") {
    const Zone india{"IST-5:30"};
    const std::chrono::sys_seconds late{std::chrono::sys_days{std::chrono::year{9999} / 12 / 31}};
    CHECK(pbx::utc_time(late) == "9999-12-31T00:00:00Z");
    CHECK(iso_time(late) == "9999-12-31T05:30:00+05:30");
    CHECK(pbx::shown_time(late) == "9999-12-31 05:30:00");
}

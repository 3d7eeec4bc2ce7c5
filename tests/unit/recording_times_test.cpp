// Times in names of recordings.
#include "catch.hpp"
#include "cdr/recording_times.hpp"

using namespace pbx::cdr;
using namespace std::chrono_literals;

TEST_CASE("a recording's name begins with its time in UTC") {
    const auto time = time_in_name("20260418-144004-919944421125-1003.wav");
    REQUIRE(time);
    CHECK(time->time_since_epoch() == 1776523204s);
    CHECK_FALSE(time_in_name("20260418-144004.wav"));
    CHECK_FALSE(time_in_name("20261318-144004-1.wav"));
    CHECK_FALSE(time_in_name("20260418-14400x-1.wav"));
    CHECK_FALSE(time_in_name("1776500000.1.wav"));
    CHECK_FALSE(time_in_name(""));
}

TEST_CASE("a row fits a name whose time lies within its own") {
    const auto ahead = [](std::chrono::seconds named, std::chrono::seconds started) {
        return RecordingTimes{"", std::chrono::sys_seconds{named}, std::chrono::sys_seconds{started}, 10s}.row_ahead();
    };
    CHECK(ahead(1000s, 1000s) == 0s);
    CHECK(ahead(1010s, 1000s) == 0s);
    CHECK(ahead(1000s, 4600s) == 3600s);
    CHECK(ahead(4610s, 1000s) == -3600s);
}

// Durations as operators write them.
#include "base/duration.hpp"
#include "base/error.hpp"
#include "catch.hpp"

using pbx::parse_duration;
using namespace std::chrono_literals;

TEST_CASE("a duration is a number with a unit, seconds without one") {
    CHECK(parse_duration("90") == 90s);
    CHECK(parse_duration("90s") == 90s);
    CHECK(parse_duration("5m") == 300s);
    CHECK(parse_duration("25h") == 25h);
    CHECK(parse_duration("7d") == 168h);
    CHECK(parse_duration("1w") == 168h);
    CHECK(parse_duration("0") == 0s);
}

TEST_CASE("a duration may have several units, the largest first") {
    CHECK(parse_duration("1h30m") == 90min);
    CHECK(parse_duration("1w2d3h4m5s") == 9 * 24h + 3h + 4min + 5s);
    CHECK(parse_duration("0h5m") == 5min);
}

TEST_CASE("anything else is not a duration") {
    for (const char* text : {"", "h", "-1h", "1.5h", "1 h", "5x", "5hh", "99999999999999999999", "9999999999d", "1h30",
                             "30m1h", "1h1h", "1h 30m", "1h-5m", "w", "9999w", "100000d100000h"})
        CHECK_THROWS_AS(parse_duration(text), pbx::Error);
}

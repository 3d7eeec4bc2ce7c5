// Durations as operators write them.
#include "base/deadline.hpp"
#include "catch.hpp"

using pbx::parse_duration;
using namespace std::chrono_literals;

TEST_CASE("a duration is a number with a unit, seconds without one") {
    CHECK(parse_duration("90") == 90s);
    CHECK(parse_duration("90s") == 90s);
    CHECK(parse_duration("5m") == 300s);
    CHECK(parse_duration("25h") == 25h);
    CHECK(parse_duration("7d") == 168h);
    CHECK(parse_duration("0") == 0s);
}

TEST_CASE("anything else is not a duration") {
    for (const char* text : {"", "h", "-1h", "1.5h", "1 h", "5x", "5hh", "99999999999999999999", "9999999999d"})
        CHECK_THROWS_AS(parse_duration(text), pbx::Error);
}

TEST_CASE("a deadline is never later than the one it was derived from") {
    const auto far = pbx::Deadline::after(1h);
    CHECK(far.at_most(1s).left() <= 1s);
    CHECK(pbx::Deadline::after(0ms).at_most(1h).left() == 0ms);
    CHECK(pbx::Deadline::after(0ms).passed());
}

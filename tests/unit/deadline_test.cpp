// Deadlines of runs.
#include "base/deadline.hpp"
#include "catch.hpp"

using namespace std::chrono_literals;

TEST_CASE("a deadline is never later than the one it was derived from") {
    const auto far = pbx::Deadline::after(1h);
    CHECK(far.at_most(1s).left() <= 1s);
    CHECK(pbx::Deadline::after(0ms).at_most(1h).left() == 0ms);
    CHECK(pbx::Deadline::after(0ms).passed());
}

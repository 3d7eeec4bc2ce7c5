// How many objects travel at once, and in one run.
#include "catch.hpp"
#include "remote/pace.hpp"
#include "remote/paced_runs.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using pbx::Pace;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t leg = 480'044; // half a minute

std::vector<std::uint64_t> legs(std::size_t count) {
    return std::vector<std::uint64_t>(count, leg);
}

} // namespace

TEST_CASE("the first upload carries one object, since nothing is known of the line") {
    const Pace pace{1, 0};
    CHECK(pace.next(legs(10)).objects == 1);
    CHECK(pace.next(legs(10)).transfers == 1);
}

TEST_CASE("a thin line carries one object at a time, and any other line eight") {
    Pace pace{1, 0};
    pace.measured(leg, 24s); // 20 kB/s
    CHECK(pace.next(legs(10)).transfers == 1);
    CHECK(pace.next(legs(10)).objects == 1);
    pace.measured(leg, 9s); // 53 kB/s
    CHECK(pace.next(legs(10)).transfers == 3);
    pace.measured(leg, 500ms);
    CHECK(pace.next(legs(256)).transfers == 8);
}

TEST_CASE("a run carries what the line gives in half a minute, and everything that is left if it is less") {
    Pace pace{1, 0};
    pace.measured(leg, 3100ms); // 155 kB/s
    CHECK(pace.next(legs(256)).objects == 9);
    CHECK(pace.next(legs(4)).objects == 4);
    pace.measured(100 * leg, 10s);
    CHECK(pace.next(legs(256)).objects == 256);
}

TEST_CASE("a number of transfers that the operator has chosen stays") {
    Pace pace{1, 3};
    CHECK(pace.next(legs(256)).transfers == 3);
    CHECK(pace.next(legs(256)).objects == 256);
    pace.measured(leg, 100s);
    CHECK(pace.next(legs(256)).transfers == 3);
}

TEST_CASE("objects that never arrive do not keep the others from being tried") {
    const std::vector<pbx::SizedName> objects{{"a", leg}, {"b", leg}, {"c", leg}};
    std::vector<std::size_t> tried;
    const auto none_arrives = [&](const std::vector<std::string>& names, const pbx::TransferRun&) {
        tried.push_back(names.size());
        return pbx::RunResult{0, true};
    };
    Pace pace{1, 0};
    CHECK(run_at_pace(pace, objects, pbx::Deadline::after(1min), none_arrives).empty());
    CHECK(tried == std::vector<std::size_t>{1, 2});
}

TEST_CASE("after the deadline nothing is tried") {
    Pace pace{1, 0};
    const auto untried = run_at_pace(pace, {{"a", leg}, {"b", leg}}, pbx::Deadline::after(0s), {});
    CHECK(untried == std::vector<std::string>{"a", "b"});
}

// The reserve and keep-stitched, as an operator writes them.
#include "base/error.hpp"
#include "catch.hpp"
#include "recording/space_rules.hpp"

using pbx::recording::set_keep_stitched;
using pbx::recording::set_reserve;
using pbx::recording::SpaceRules;

TEST_CASE("the reserve is a share of the disk or a size") {
    SpaceRules rules;
    CHECK(rules.reserve_of(1000) == 50);
    set_reserve(rules, "20%");
    CHECK(rules.reserve_of(1000) == 200);
    set_reserve(rules, "0%");
    CHECK(rules.reserve_of(1000) == 0);
    set_reserve(rules, "3K");
    CHECK(rules.reserve_of(1000) == 3072);
    for (const char* wrong : {"", "5", "%", "91%", "-1%", "5 %", "5.5%", "2g", "G", "2GB", "99999999999T", "1e3K"}) {
        CAPTURE(wrong);
        CHECK_THROWS_AS(set_reserve(rules, wrong), pbx::Error);
    }
}

TEST_CASE("stitched recordings are kept for a time or up to a size") {
    SpaceRules rules;
    CHECK_FALSE(rules.keep_time);
    CHECK_FALSE(rules.keep_bytes);
    set_keep_stitched(rules, "30d");
    CHECK(rules.keep_time == std::chrono::days{30});
    CHECK_FALSE(rules.keep_bytes);
    set_keep_stitched(rules, "20G");
    CHECK_FALSE(rules.keep_time);
    CHECK(rules.keep_bytes == 20ULL << 30U);
    for (const char* wrong : {"", "30", "d", "30 d", "for ever", "20GB", "-1d"}) {
        CAPTURE(wrong);
        CHECK_THROWS_AS(set_keep_stitched(rules, wrong), pbx::Error);
    }
}

// Pauses of a recording, as texts of CDR rows.
#include "catch.hpp"
#include "cdr/pauses.hpp"

#include <string>

using pbx::cdr::parse_pauses;
using pbx::cdr::pauses_text;

namespace {

std::string again(const std::string& texts) {
    return pauses_text(parse_pauses(texts));
}

} // namespace

TEST_CASE("pauses of several rows are one list, by time, each once") {
    CHECK(again("12-47") == "12-47");
    CHECK(again("80-95,12-47,12-47,80-95") == "12-47,80-95");
    CHECK(again("12-47,80-,") == "12-47,80-");
    CHECK(again("").empty());
}

TEST_CASE("a later row names the end of a pause that was open in an earlier one") {
    CHECK(again("12-,12-47") == "12-47");
    CHECK(again("12-47,12-") == "12-47");
}

TEST_CASE("what is not a pause is left out") {
    CHECK(again("x,-,12,-5-7,47-12,1-2-3,9999999999999-,12-47x,3-3") == "3-3");
    CHECK(again(",,,").empty());
}

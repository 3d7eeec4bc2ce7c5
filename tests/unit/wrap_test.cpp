// Where lines of a text end.
#include "base/wrap.hpp"
#include "catch.hpp"

using pbx::wrapped;

TEST_CASE("a text is broken at its blanks, and its further lines are indented") {
    CHECK(wrapped("one two three", 0, 80) == "one two three");
    CHECK(wrapped("one two three", 0, 7) == "one two\nthree");
    CHECK(wrapped("one two three", 2, 9) == "one two\n  three");
    CHECK(wrapped("one two three", 2, 8) == "one\n  two\n  three");
}

TEST_CASE("a word that is longer than a line stays whole") {
    CHECK(wrapped("/etc/pbx/pbx.conf is wrong", 4, 12) == "/etc/pbx/pbx.conf\n    is wrong");
    CHECK(wrapped("", 4, 12).empty());
}

TEST_CASE("the width of a line counts characters, not bytes") {
    CHECK(wrapped("grün grün", 0, 9) == "grün grün");
    CHECK(pbx::characters("grün") == 4);
}

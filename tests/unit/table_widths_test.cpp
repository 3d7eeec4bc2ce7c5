// Which columns of a table a terminal shows, and how wide.
#include "base/table_widths.hpp"
#include "catch.hpp"

using pbx::Column;
using pbx::table_widths;
using Widths = std::vector<std::size_t>;

namespace {

const std::vector<Column> columns{{.name = "id", .width = 2},
                                  {.name = "note", .width = 6},
                                  {.name = "name", .width = 4, .is_kept = true, .is_text = true},
                                  {.name = "state", .width = 5, .is_kept = true}};

} // namespace

TEST_CASE("columns that are kept come before the others") {
    CHECK(table_widths(columns, {2, 6, 4, 5}, 15) == Widths{2, 0, 4, 5});
    CHECK(table_widths(columns, {2, 6, 4, 5}, 23) == Widths{2, 6, 4, 5});
}

TEST_CASE("a text gets the width that it needs before another column is shown, and not more") {
    CHECK(table_widths(columns, {2, 6, 12, 5}, 23) == Widths{2, 0, 12, 5});
    CHECK(table_widths(columns, {2, 6, 40, 5}, 23) == Widths{2, 0, 12, 5});
    CHECK(table_widths(columns, {2, 6, 12, 5}, 200) == Widths{2, 6, 12, 5});
}

TEST_CASE("the first column is as wide as its longest cell, and always there") {
    CHECK(table_widths(columns, {9, 6, 4, 5}, 4) == Widths{9, 0, 0, 0});
    CHECK(table_widths(columns, {9, 6, 4, 5}, 80)[0] == 9);
}

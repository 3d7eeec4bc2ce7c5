// Lines of a text, and of a stream that arrives in pieces.
#include "base/lines.hpp"
#include "catch.hpp"

#include <vector>

using pbx::Lines;

namespace {

std::vector<std::string> lines_of(std::string_view text, Lines::Newline newline = Lines::Newline::dropped) {
    std::vector<std::string> result;
    for (const auto line : Lines{text, newline})
        result.emplace_back(line);
    return result;
}

} // namespace

TEST_CASE("a text is split at each newline, and empty lines count") {
    CHECK(lines_of("").empty());
    CHECK(lines_of("\n") == std::vector<std::string>{""});
    CHECK(lines_of("a\n\nb\n") == std::vector<std::string>{"a", "", "b"});
}

TEST_CASE("a last line without a newline is a line") {
    CHECK(lines_of("a\nb") == std::vector<std::string>{"a", "b"});
}

TEST_CASE("lines keep their newlines on request, so that together they are the text") {
    CHECK(lines_of("a\r\n\nb", Lines::Newline::kept) == std::vector<std::string>{"a\r\n", "\n", "b"});
}

TEST_CASE("only complete lines are taken from a stream's buffer") {
    std::string buffer = "one\ntwo\nthr";
    CHECK(pbx::take_complete_lines(buffer) == "one\ntwo\n");
    CHECK(buffer == "thr");
    CHECK(pbx::take_complete_lines(buffer).empty());
    buffer += "ee\n";
    CHECK(pbx::take_complete_lines(buffer) == "three\n");
    CHECK(buffer.empty());
}

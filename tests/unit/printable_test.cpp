// Texts from the network, made safe to show.
#include "base/name.hpp"
#include "base/printable.hpp"
#include "catch.hpp"
#include "dialplan/text.hpp"

#include <string>
#include <utility>
#include <vector>

using pbx::printable;

TEST_CASE("plain text in any script is shown as it is") {
    for (const std::string text : {"", "+49 (30) 123", "Müller", "Иван", "日本", "😀", R"("a\b")"})
        CHECK(printable(text) == text);
}

TEST_CASE("control characters cannot drive a terminal, end a line or begin a column") {
    CHECK(printable("a\x1b[31mb") == "a\\x1b[31mb");
    CHECK(printable("a\tb\nc\rd\x7f") == "a\\x09b\\x0ac\\x0dd\\x7f");
    CHECK(printable(std::string{"a\0b", 3}) == "a\\x00b");
    CHECK(printable("\xc2\x9b"
                    "31m") == "\\x9b31m");
    CHECK(printable("a\xe2\x80\xa8"
                    "b") == "a\\u2028b");
}

TEST_CASE("marks that turn the direction of text, and characters without a shape, are shown, not obeyed") {
    // Not written out, so that this file does not fool its readers: U+061C, U+200B, U+200E, U+200F, U+202A to U+202E,
    // U+2060, U+2066 to U+2069, U+FEFF, U+E0041.
    const std::vector<std::pair<std::string, std::string>> marks{
        {"\xd8\x9c", "061c"},     {"\xe2\x80\x8b", "200b"},     {"\xe2\x80\x8e", "200e"}, {"\xe2\x80\x8f", "200f"},
        {"\xe2\x80\xaa", "202a"}, {"\xe2\x80\xab", "202b"},     {"\xe2\x80\xac", "202c"}, {"\xe2\x80\xad", "202d"},
        {"\xe2\x80\xae", "202e"}, {"\xe2\x81\xa0", "2060"},     {"\xe2\x81\xa6", "2066"}, {"\xe2\x81\xa9", "2069"},
        {"\xef\xbb\xbf", "feff"}, {"\xf3\xa0\x81\x81", "e0041"}};
    for (const auto& [mark, number] : marks) {
        const auto text = "a" + mark + "wav.exe";
        const auto expected = "a\\u" + number + "wav.exe";
        CHECK(printable(text) == expected);
        CHECK(pbx::shown(text) == expected);
        CHECK(pbx::dialplan::harmless(text) == expected);
    }
}

TEST_CASE("the joiners that Indian and Persian names need stay") {
    const std::string name = "\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7 \xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae";
    CHECK(printable(name) == name);
}

TEST_CASE("what is printable already stays as it is, and a long text is cut between characters") {
    const std::string text = "a\x1b\xe2\x80\xae\xff";
    CHECK(printable(printable(text)) == printable(text));
    CHECK(printable("a\xc3\xbc\xc3\xbc", 2) == "a\xc3\xbc...");
    CHECK(printable("a\xc3\xbc", 2) == "a\xc3\xbc");
}

TEST_CASE("bytes that are not UTF-8 are shown as numbers") {
    CHECK(printable("a\xff\xfe") == "a\\xff\\xfe");
    CHECK(printable("\xc3") == "\\xc3");
    CHECK(printable("\xe2\x82") == "\\xe2\\x82");
    CHECK(printable("\xc0\xaf") == "\\xc0\\xaf");
    CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");
}

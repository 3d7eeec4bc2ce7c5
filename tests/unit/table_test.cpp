// Texts from the network made fit to be shown.
#include "base/table.hpp"
#include "catch.hpp"

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
                    "31m") == "\\xc2\\x9b31m");
}

TEST_CASE("marks that turn the direction of text are shown, not obeyed") {
    // U+202A to U+202E; not written out, so that this file does not fool its readers.
    for (char last = '\xaa'; last <= '\xae'; ++last) {
        const std::string mark{'\xe2', '\x80', last};
        CHECK(printable("a" + mark + "b").substr(0, 9) == "a\\xe2\\x80");
    }
}

TEST_CASE("bytes that are no UTF-8 are shown as numbers") {
    CHECK(printable("a\xff\xfe") == "a\\xff\\xfe");
    CHECK(printable("\xc3") == "\\xc3");
    CHECK(printable("\xe2\x82") == "\\xe2\\x82");
    CHECK(printable("\xc0\xaf") == "\\xc0\\xaf");
    CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");
}

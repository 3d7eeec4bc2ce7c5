// Which strings from CDRs may become file names.
#include "base/error.hpp"
#include "base/name.hpp"
#include "catch.hpp"

#include <string>

using pbx::name_fault;

TEST_CASE("names that Asterisk writes are fit for files") {
    CHECK(name_fault("20260418-144004-919944421125-08065978002.wav").empty());
    CHECK(name_fault("20260418-144004-+49 30 1234-1003.wav").empty());
    CHECK(name_fault("1713450004.12").empty());
    CHECK(name_fault(std::string(255, 'a')).empty());
}

TEST_CASE("names that could leave the folder, hide, pass for options or forge lines are refused") {
    for (const std::string name : {"", "/etc/passwd", "a/b.wav", "..", "../x", "a..b", ".hidden", "-o", "a\nb", "a\tb"})
        CHECK_FALSE(name_fault(name).empty());
    CHECK_FALSE(name_fault(std::string(256, 'a')).empty());
    CHECK_FALSE(name_fault(std::string("a\0b", 3)).empty());
    CHECK_FALSE(name_fault("a\x7f").empty());
}

TEST_CASE("a refusal says which name and why, and shortens what is long") {
    CHECK_THROWS_WITH(pbx::require_safe_name("../x", "leg"), "leg \"../x\" refused: it has a slash");
    CHECK(pbx::shown(std::string(300, 'a')).size() < 100);
}

TEST_CASE("UTF-8 is distinguished from what only looks like it") {
    CHECK(pbx::is_utf8("plain"));
    CHECK(pbx::is_utf8("\xc3\xbc\xe2\x82\xac\xf0\x9f\x93\x9e"));
    CHECK_FALSE(pbx::is_utf8("\xfc"));             // Latin-1
    CHECK_FALSE(pbx::is_utf8("\xc0\xaf"));         // overlong
    CHECK_FALSE(pbx::is_utf8("\xed\xa0\x80"));     // surrogate
    CHECK_FALSE(pbx::is_utf8("\xf4\x90\x80\x80")); // beyond U+10FFFF
    CHECK_FALSE(pbx::is_utf8("\xe2\x82"));         // cut
}

// Signed links, the keys that sign them, and the percent-encoding that they are written in.
#include "base/error.hpp"
#include "base/hmac.hpp"
#include "catch.hpp"
#include "listening/link.hpp"
#include "listening/percent.hpp"

#include <fmt/format.h>

#include <set>

using namespace pbx::listening;
using pbx::Error;
using pbx::Exit;

namespace {

const LinkKeys keys{{"2", std::string(32, 'n')}, {"1", std::string(32, 'o')}};
constexpr std::chrono::sys_seconds now{std::chrono::seconds{1'800'000'000}};

Link link_until(std::chrono::sys_seconds expires) {
    return signed_link({"1776500000.1",
                        "6f1e1a52-9a0c-4d0e-8a3c-6b0f5c1d2e3f",
                        "2",
                        std::to_string(expires.time_since_epoch().count()),
                        "play",
                        {},
                        {},
                        "a.wav"},
                       keys);
}

Exit status_of(std::string_view text) {
    try {
        parse_link_keys(text, "keys");
        return Exit::ok;
    } catch (const Error& error) {
        return error.status();
    }
}

} // namespace

TEST_CASE("an HMAC is that of RFC 4231") {
    // Test case 2.
    CHECK(pbx::hmac_sha256("Jefe", "what do ya want for nothing?") ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("secrets are the same only if every byte is") {
    CHECK(pbx::is_same_secret("", ""));
    CHECK(pbx::is_same_secret("abc", "abc"));
    CHECK_FALSE(pbx::is_same_secret("abc", "abd"));
    CHECK_FALSE(pbx::is_same_secret("abc", "abcd"));
    CHECK_FALSE(pbx::is_same_secret("", "a"));
}

TEST_CASE("a link is signed with the first key and verified with each") {
    const auto link = link_until(now);
    CHECK(link.key == "2");
    CHECK(link.signature.size() == 64);
    CHECK(is_valid_link(link, keys, now));
    CHECK(is_valid_link(link, {keys[1], keys[0]}, now));
    CHECK(is_valid_link(link, {keys[0]}, now));
    CHECK_FALSE(is_valid_link(link, {keys[1]}, now));
    CHECK(grant_of(link) == Grant::play);
}

TEST_CASE("a link is valid until a minute after it expires") {
    const auto link = link_until(now);
    CHECK(is_valid_link(link, keys, now - std::chrono::hours{24}));
    CHECK(is_valid_link(link, keys, now + std::chrono::seconds{60}));
    CHECK_FALSE(is_valid_link(link, keys, now + std::chrono::seconds{61}));
}

TEST_CASE("a link whose field was changed is not valid") {
    const auto link = link_until(now);
    for (auto field : {&Link::call, &Link::account, &Link::leg, &Link::expires, &Link::may, &Link::key,
                       &Link::signature, &Link::name}) {
        for (const char* other : {"", "1", "download", "1900000000", "play\n", "2 "}) {
            auto changed = link;
            if (changed.*field == other)
                continue;
            changed.*field = other;
            CHECK_FALSE(is_valid_link(changed, keys, now));
        }
        auto changed = link;
        changed.*field += '0';
        CHECK_FALSE(is_valid_link(changed, keys, now));
    }
}

TEST_CASE("no two links are signed as the same text") {
    std::set<std::string> seen;
    for (const auto& [call, account, leg] :
         std::vector<std::tuple<const char*, const char*, const char*>>{{"1", "23", ""},
                                                                        {"12", "3", ""},
                                                                        {"123", "", ""},
                                                                        {"", "123", ""},
                                                                        {"", "", "123"},
                                                                        {"1\n2:23", "", ""},
                                                                        {"1", "23\n0:", ""}})
        CHECK(seen.insert(link_signature({call, account, leg, "1", "play", {}, {}, {}}, keys[0])).second);
    for (const char* name : {"a.wav", "b.wav"})
        CHECK(seen.insert(link_signature({"1", "23", "1", "1", "play", {}, {}, name}, keys[0])).second);
}

TEST_CASE("a time of expiry that is not a number of seconds makes a link invalid even if it is signed") {
    for (const char* expires : {"", "x", "-1", "1e9", " 1900000000", "1900000000 ", "0x7fffffff", "1000000000000",
                                "99999999999999999999999999"}) {
        const auto link = signed_link({"1.1", "a", "", expires, "play", {}, {}, {}}, keys);
        CHECK_FALSE(is_valid_link(link, keys, now));
    }
    CHECK_FALSE(is_valid_link(signed_link({"1.1", "a", "", "1900000000", "delete", {}, {}, {}}, keys), keys, now));
}

TEST_CASE("a key is an id and a secret of at least 32 bytes, in hex or base64") {
    const auto hex = std::string(64, 'a');
    const auto parsed = parse_link_keys("# new\n\nk-2 " + hex + "\t\r\n \n", "keys").front();
    CHECK(parsed.id == "k-2");
    CHECK(parsed.secret == std::string(32, '\xaa'));
    // 32 bytes of 0xff in base64, with and without padding, in both alphabets.
    for (const auto& text : {std::string(42, '/') + "8=", std::string(42, '/') + "8", std::string(42, '_') + "8"})
        CHECK(parse_link_keys("1 " + text, "keys").front().secret == std::string(32, '\xff'));
    CHECK(parse_link_keys("1 " + hex + "\n2 " + std::string(64, 'b'), "keys").size() == 2);
}

TEST_CASE("a file without a proper key is refused") {
    const auto hex = std::string(64, 'a');
    for (const auto& text : std::vector<std::string>{
             "", "# nothing\n", "1 " + hex.substr(2), hex, "1", "an-id-of-17-chars " + hex, "id? " + hex,
             fmt::format("1 {}?", std::string(42, '/')), fmt::format("1 {0}\n1 {0}", hex),
             fmt::format("1 {0}\n2 {0}\n3 {0}", hex), fmt::format("1 {} x", hex)})
        CHECK(status_of(text) == Exit::config);
}

TEST_CASE("no message about a file of keys contains a secret") {
    const std::string secret = "c2VjcmV0c2VjcmV0c2VjcmV0";
    try {
        parse_link_keys("1 " + secret, "/etc/pbx/link.key");
        FAIL();
    } catch (const Error& error) {
        CHECK_THAT(error.what(), ContainsSubstring("/etc/pbx/link.key:1: "));
        CHECK(std::string{error.what()}.find(secret) == std::string::npos);
        CHECK(error.hint().find(secret) == std::string::npos);
    }
}

TEST_CASE("percent-encoded text has only characters that any part of a URL may have, and decodes to itself") {
    CHECK(percent_encoded("1776500000.1-a_~") == "1776500000.1-a_~");
    CHECK(percent_encoded("a b/c?d&e=f#%\xc3\xbc+") == "a%20b%2Fc%3Fd%26e%3Df%23%25%C3%BC%2B");
    std::string all;
    for (int c = 1; c < 256; ++c)
        all += static_cast<char>(c);
    CHECK(percent_decoded(percent_encoded(all)) == all);
    CHECK(percent_decoded("%2e%2E+") == "..+");
}

TEST_CASE("an incomplete encoding, and one of a zero byte, is none") {
    for (const char* text : {"%", "%2", "%2x", "%x2", "a%", "%00", "a%00b", "%+1", "% 1", "%-1"})
        CHECK_FALSE(percent_decoded(text).has_value());
    CHECK_FALSE(percent_decoded(std::string_view{"a\0b", 3}).has_value());
}

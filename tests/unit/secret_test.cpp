// Random passwords and prefixes.
#include "base/random.hpp"
#include "catch.hpp"
#include "provision/secret.hpp"

#include <algorithm>
#include <set>

using pbx::random_text;
using pbx::provision::make_password;
using pbx::provision::make_prefix;

TEST_CASE("a generated password is long, consists of letters and digits, and is never the same twice") {
    std::set<std::string> seen;
    for (int i = 0; i < 200; ++i) {
        const auto password = make_password();
        CHECK(password.size() == 24);
        CHECK(password.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") ==
              std::string::npos);
        CHECK(seen.insert(password).second);
    }
}

TEST_CASE("a generated prefix can begin the name of a context") {
    const auto prefix = make_prefix();
    CHECK(prefix.size() == 12);
    CHECK(prefix.starts_with("org_"));
    CHECK(prefix.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos);
}

TEST_CASE("every character of an alphabet occurs, about as often as the others") {
    const auto text = random_text("abc", 30000);
    for (const char c : {'a', 'b', 'c'}) {
        const auto times = std::count(text.begin(), text.end(), c);
        CHECK(times > 9000);
        CHECK(times < 11000);
    }
}

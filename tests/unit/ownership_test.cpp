// Who owns what, by age; and the pure parts below it: dial patterns, loops, canonical forms, guessable passwords.
#include "dialplan/identity.hpp"
#include "dialplan/loops.hpp"
#include "dialplan/password.hpp"
#include "dialplan/pattern.hpp"
#include "dialplan_fixture.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <random>

using namespace pbx::dialplan;
using namespace pbx::tenants;

namespace {

// The text that is written for an organization; empty when it is left out.
std::string texts(const Checked& checked, const std::string& prefix) {
    for (const auto& plan : checked.plans)
        if (plan.prefix() == prefix)
            return extensions_text(plan, {fixture::spool, ""}) + pjsip_text(plan) + queues_text(plan);
    return {};
}

std::string refused(const Checked& checked) {
    std::string rows;
    for (const auto& refusal : checked.refusals)
        rows += refusal.row + '\n';
    return rows;
}

// Rows of this age: a smaller number means an older row.
Organization aged(Organization organization, long long age) {
    organization.held_since = fixture::at(age);
    for (auto& row : organization.users)
        row.held_since = fixture::at(age);
    for (auto& row : organization.trunks) {
        row.held_since = fixture::at(age + 10);
        row.approved_at = row.held_since;
    }
    for (auto& row : organization.queues)
        row.held_since = fixture::at(age);
    for (auto& row : organization.dids)
        row.held_since = fixture::at(age);
    return organization;
}

} // namespace

TEST_CASE("of two organizations with one prefix the newer is left out, whatever the database allows") {
    const auto older = aged(fixture::organization("alpha"), 1);
    auto newer = aged(fixture::organization("beta"), 2);
    newer.context_prefix = older.context_prefix;
    const auto checked = check({newer, older});
    CHECK(refused(checked) == "organization beta\n");
    REQUIRE(checked.plans.size() == 1);
    CHECK(checked.plans.front().organization.name == older.name);
}

TEST_CASE("a pattern matches the numbers that it matches in Asterisk") {
    const auto takes = [](const std::string& pattern, const std::string& numbers, const std::string& others) {
        const auto each = [&](const std::string& text, bool expected) {
            for (std::size_t at = 0; at < text.size();) {
                const auto end = std::min(text.find(' ', at), text.size());
                const auto number = text.substr(at, end - at);
                INFO(pattern << " and " << number);
                CHECK(pattern_takes(pattern, number) == expected);
                at = end + 1;
            }
        };
        each(numbers, true);
        each(others, false);
    };
    takes("112", "112", "11 1122 1 911");
    takes("_112", "112", "11 1122");
    takes("_X.", "11 112 000", "1 a1 +1 *1");
    takes("_X!", "1 112", "+1 *");
    takes("_XXX", "112 999", "11 1122 11a");
    takes("_ZXX", "112 999", "000 012");
    takes("_NXX", "999 211", "112 000 119");
    takes("_nxx", "999", "112");
    takes("_zxx", "112", "012");
    takes("_[19]1[12]", "112 911 111 912", "113 211 1112");
    takes("_[1-35]11", "111 211 311 511", "411 011 611");
    takes("_0[1-9].", "0123 012", "0012 01 0");
    takes("_+49ZX.", "+49123", "49123 +49023 +4912");
    takes("_*9N!", "*92 *9234", "*91 92");
    takes("_[1-", "", "1 [1- 11");
    CHECK_FALSE(pattern_takes("_X.", ""));
    CHECK_FALSE(pattern_takes("_X!", ""));
    CHECK(pattern_takes("_!", ""));
    CHECK_FALSE(pattern_takes("_.", ""));
}

TEST_CASE("a number is its digits, however it is written") {
    for (const std::string text : {"4930111", "+4930111", "+49 (30) 111", "49-30-111", "49/30.111"})
        CHECK(canonical_number(text) == "4930111");
    CHECK(canonical_number("004930111") == "004930111");
    for (const std::string text : {"", "+", " ", "x4930111", "4930111a", "org_1", "493\n0111", "\xd9\xa1"})
        CHECK(canonical_number(text).empty());
    CHECK(international_number("004930111") == "4930111");
    CHECK(international_number("+4930111") == "4930111");
    CHECK(international_number("00") == "00");
    CHECK(international_number("030111") == "030111");
}

TEST_CASE("a host is its address or its name, however it is written") {
    for (const std::string text :
         {"192.0.2.7", "[::ffff:192.0.2.7]", "[::FFFF:c000:0207]", "0xc0000207", "192.0.519", "3221225991"})
        CHECK(canonical_host(text) == "192.0.2.7");
    for (const std::string text : {"[2001:db8::1]", "2001:DB8:0::1", "[2001:0db8:0000:0000:0000:0000:0000:0001]"})
        CHECK(canonical_host(text) == "2001:db8::1");
    for (const std::string text : {"sip.example.org", "SIP.Example.ORG", "sip.example.org.", "sip.example.org.."})
        CHECK(canonical_host(text) == "sip.example.org");
    CHECK(canonical_host("192.0.2.7.example") == "192.0.2.7.example");
    CHECK(canonical_host(".") == ".");
    CHECK(canonical_host("").empty());
}

TEST_CASE("of hops in a circle the last one closes it, and nothing else is touched") {
    const auto closing = [](const std::vector<Hop>& hops) {
        std::vector<std::string> names;
        for (const auto& loop : find_loops(hops))
            names.push_back(hops[loop.hop].name);
        return names;
    };
    using Names = std::vector<std::string>;
    CHECK(closing({{"a", {"a"}}}) == Names{"a"});
    CHECK(closing({{"a", {"b"}}, {"b", {"c"}}, {"c", {"a"}}}) == Names{"c"});
    CHECK(closing({{"c", {"a"}}, {"b", {"c"}}, {"a", {"b"}}}) == Names{"a"});
    CHECK(closing({{"a", {"b", "c"}}, {"b", {"d"}}, {"c", {"d"}}, {"d", {"nowhere"}}}).empty());
    // Two loops through one hop; and a row that leads into a loop without being part of it.
    CHECK(closing({{"a", {"b", "c"}}, {"b", {"a"}}, {"c", {"a"}}}) == Names{"b", "c"});
    CHECK(closing({{"a", {"b"}}, {"b", {"a"}}, {"d", {"a"}}}) == Names{"b"});
    // The row that was left out no longer closes a loop.
    CHECK(closing({{"a", {"b"}}, {"b", {"a", "c"}}, {"c", {"b"}}}) == Names{"b"});
    CHECK(closing({}).empty());
    const auto loops = find_loops({{"a", {"b"}}, {"b", {"c"}}, {"c", {"x", "a"}}});
    REQUIRE(loops.size() == 1);
    CHECK(loops.front().path == Names{"a", "b", "c"});
}

TEST_CASE("without the rows that close loops no loop is left, whatever the rows are") {
    std::mt19937 random{7};
    for (int round = 0; round < 300; ++round) {
        std::vector<Hop> hops;
        const auto count = 1 + random() % 12;
        for (std::size_t i = 0; i < count; ++i) {
            hops.push_back({std::to_string(i), {}});
            for (auto out = random() % 3; out > 0; --out)
                hops.back().next.push_back(std::to_string(random() % (count + 2)));
        }
        std::map<std::string, std::vector<std::string>> left;
        for (const auto& hop : hops)
            left[hop.name] = hop.next;
        for (const auto& loop : find_loops(hops)) {
            left.erase(hops[loop.hop].name);
            // The path is real: each name is a destination of the one before.
            std::string at = hops[loop.hop].name;
            for (const auto& name : loop.path) {
                const auto& next = hops[std::stoul(at)].next;
                CHECK(std::find(next.begin(), next.end(), name) != next.end());
                at = name;
            }
            CHECK(at == hops[loop.hop].name);
        }
        // Rows that lead nowhere are removed until nothing changes: a loop would stay.
        for (bool changed = true; changed;) {
            changed = false;
            for (auto each = left.begin(); each != left.end();) {
                const bool leads = std::any_of(each->second.begin(), each->second.end(),
                                               [&](const auto& name) { return left.contains(name); });
                changed = changed || !leads;
                each = leads ? std::next(each) : left.erase(each);
            }
        }
        CHECK(left.empty());
    }
}

TEST_CASE("a password that is short, or what the user is called, can be guessed") {
    User user;
    user.extension = "100000000001";
    user.username = "alice.of.acme";
    user.full_name = "Alice Wolfeschlegelstein";
    const auto fault = [&](const std::string& password) {
        user.sip_password = password;
        return std::string{password_fault(user, "acme_100000000001")};
    };
    for (const std::string guessed : {"100000000001", "Alice.Of.Acme", "alice wolfeschlegelstein", "WOLFESCHLEGELSTEIN",
                                      "AliceWolfeschlegelstein", "acme_100000000001", "alice"})
        CHECK(fault(guessed) == "is equal to the user's name or number");
    for (const std::string brief : {"elevenchars", "x", "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"})
        CHECK(fault(brief) == "is shorter than 12 characters");
    for (const std::string good :
         {"twelve-chars", "alice wolfeschlegelstein1", "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4twelve"})
        CHECK(fault(good).empty());
}

TEST_CASE("whatever a newcomer wants of an incumbent, the incumbent's texts stay as they are") {
    auto incumbent = aged(fixture::organization("zeta"), 1);
    incumbent.id = "99999999-2222-3333-4444-555555555555";
    incumbent.dids.front().number = "+74950001";
    incumbent.trunks.front().host = "Sip.example.org";
    const auto expected = texts(check({incumbent}), "zeta");
    REQUIRE_FALSE(expected.empty());
    for (const std::string prefix : {"aa", "zeta_", "zeta__5", "zeta_1001", "zz"}) {
        auto newcomer = aged(fixture::organization(prefix), 2);
        newcomer.trunks.front().host = "sip.example.org.";
        newcomer.users.front().asterisk_endpoint = "zeta_1001";
        newcomer.queues.front().asterisk_queue_name = "zeta__5001";
        newcomer.trunks.front().asterisk_peer_name = "zeta__trunk_carrier";
        for (const std::string status : {"active", "suspended"}) {
            incumbent.status = status;
            const auto checked = check({newcomer, incumbent});
            INFO(prefix << ' ' << status << '\n' << refused(checked));
            CHECK(texts(checked, "zeta") == (status == "active" ? expected : ""));
            CHECK(texts(checked, prefix).find("74950001") == std::string::npos);
            CHECK(texts(checked, prefix).find("type=identify") == std::string::npos);
        }
        incumbent.status = "active";
        // With the ages swapped, the result is swapped.
        const auto turned = check({aged(newcomer, 0), incumbent});
        const bool reaches = prefix == "zeta_" || prefix == "zeta__5";
        CHECK_THAT(refused(turned), ContainsSubstring(reaches ? "organization zeta\n" : "did +74950001 of zeta\n"));
    }
}

TEST_CASE("of rows with the same time the lowest id comes first, so that every run decides alike") {
    auto one = aged(fixture::organization("one"), 5);
    auto two = aged(fixture::organization("two"), 5);
    one.dids.front().id = "b";
    two.dids.front().id = "a";
    two.trunks.front().host = "two.example.org";
    two.id = "22222222-2222-3333-4444-555555555555";
    CHECK(refused(check({one, two})) == "did 74950001 of one\n");
    CHECK(refused(check({two, one})) == "did 74950001 of one\n");
}

TEST_CASE("a row that is left out for its text holds nothing") {
    auto one = aged(fixture::organization("one"), 1);
    auto two = aged(fixture::organization("two"), 2);
    two.id = "22222222-2222-3333-4444-555555555555";
    two.trunks.front().host = one.trunks.front().host;
    one.dids.front().routing_type = "smoke";
    one.trunks.front().port = 0;
    CHECK(refused(check({one, two})) == "did 74950001 of one\ntrunk carrier of one\n");
}

TEST_CASE("without a list of emergency numbers no number is one") {
    auto organization = fixture::organization();
    organization.users.front().extension = "112";
    organization.routes.front().strip_digits = 1;
    CHECK(refused(check({organization})) == "user 112 of acme\nroute out of acme\n");
    Rules rules;
    rules.emergency.clear();
    CHECK(check({organization}, rules).refusals.empty());
    CHECK(check({organization}, rules).warnings.size() == 0);
}

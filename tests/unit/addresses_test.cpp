// Which trunk an address belongs to, which trunks are generated, and the other limits that an operator sets.
#include "deploy/addresses.hpp"
#include "dialplan/recorder.hpp"
#include "dialplan_fixture.hpp"

#include <dlfcn.h>
#include <netdb.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

// Called instead of the C library's, to which it passes all names but one.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** result) {
    if (name != nullptr && std::strcmp(name, "no-memory.test") == 0 && (hints->ai_flags & AI_NUMERICHOST) == 0)
        throw std::bad_alloc{};
    static const auto next = reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    return next(name, service, hints, result);
}

using namespace pbx::deploy;
using namespace pbx::dialplan;
using namespace pbx::tenants;

namespace {

std::vector<Organization> with_hosts(const std::vector<std::string>& hosts) {
    std::vector<Organization> all;
    for (const auto& host : hosts) {
        // Names that are later in the list come earlier in the alphabet.
        all.push_back(fixture::organization(std::string(1, static_cast<char>('z' - all.size()))));
        all.back().dids.clear();
        all.back().trunks.front().host = host;
        all.back().trunks.front().approved_at = fixture::at(static_cast<long long>(all.size()));
    }
    return all;
}

std::string refused(const Checked& checked) {
    std::string result;
    for (const auto& refusal : checked.refusals)
        result += refusal.row + ": " + refusal.fault + '\n';
    return result;
}

} // namespace

TEST_CASE("of two organizations' peers at one address, the one approved first keeps it however it is written") {
    for (const std::string newer : {"10.0.0.1", "[::ffff:10.0.0.1]", "0x0a000001", "10.1", "167772161"}) {
        auto checked = check(with_hosts({"10.0.0.1", newer, "10.0.0.2"}));
        separate_addresses(checked, addresses_of_peers(checked, pbx::Deadline::after(std::chrono::seconds{5})));
        INFO(newer);
        CHECK(refused(checked) == "trunk carrier of y: host \"" + newer + "\" is held by trunk carrier of z\n");
        REQUIRE(checked.refusals.size() == 1);
        CHECK(checked.plans[0].organization.trunks.size() == 1); // x
        CHECK(checked.plans[1].organization.trunks.empty());     // y
        CHECK(checked.plans[2].organization.trunks.size() == 1); // z
        CHECK(std::any_of(checked.warnings.begin(), checked.warnings.end(), [](const auto& warning) {
            return warning.message == "route out of y has no active trunk: its calls fail";
        }));
    }
}

TEST_CASE("host names are distinguished by what they resolve to, and one that does not resolve stays") {
    auto checked = check(with_hosts({"a.example.org", "b.example.org", "10.0.0.6", "c.example.org"}));
    separate_addresses(checked, {{"a.example.org", {"10.0.0.8", "10.0.0.9"}},
                                 {"b.example.org", {"10.0.0.7", "10.0.0.8"}},
                                 {"c.example.org", {}},
                                 {"10.0.0.6", {"10.0.0.6"}}});
    CHECK(refused(checked) ==
          "trunk carrier of y: its host b.example.org (10.0.0.8) belongs to a trunk of z that was approved earlier\n");
    CHECK(checked.plans.size() == 4);
}

TEST_CASE("a trunk whose host is an address keeps it from host names that resolve to it, whoever was approved first") {
    for (const std::string address : {"10.0.0.9", "[::ffff:10.0.0.9]", "0x0a000009"}) {
        auto checked = check(with_hosts({"a.example.org", address, "b.example.org"}));
        auto addresses =
            addresses_of_peers(check(with_hosts({address, "10.0.0.1"})), pbx::Deadline::after(std::chrono::seconds{5}));
        addresses["a.example.org"] = {"10.0.0.8", "10.0.0.9"};
        addresses["b.example.org"] = {"10.0.0.8"};
        separate_addresses(checked, addresses);
        INFO(address);
        CHECK(refused(checked) == "trunk carrier of z: its host a.example.org (10.0.0.9) belongs to a trunk of y "
                                  "whose host is that address\n");
        CHECK(checked.plans[0].organization.trunks.size() == 1); // x: a trunk that is left out holds no address
        CHECK(checked.plans[1].organization.trunks.size() == 1); // y
        CHECK(checked.plans[2].organization.trunks.empty());     // z
    }
}

TEST_CASE("of two trunks with one address in two spellings, the message names the one that was approved earlier") {
    auto checked = check(with_hosts({"10.0.0.9", "10.0.0.8"}));
    separate_addresses(checked, {{"10.0.0.9", {"10.0.0.9"}}, {"10.0.0.8", {"10.0.0.9"}}});
    CHECK(refused(checked) ==
          "trunk carrier of y: its host 10.0.0.8 (10.0.0.9) belongs to a trunk of z that was approved earlier\n");
}

TEST_CASE("a name whose look-up runs out of memory counts as one that does not resolve") {
    const auto checked = check(with_hosts({"no-memory.test", "10.0.0.1"}));
    const auto addresses = addresses_of_peers(checked, pbx::Deadline::after(std::chrono::seconds{5}));
    CHECK(addresses.at("no-memory.test").empty());
    CHECK(addresses.at("10.0.0.1") == std::vector<std::string>{"10.0.0.1"});
}

TEST_CASE("trunks that register, and several of one organization, may share a host") {
    const auto refusals = [](const std::vector<Organization>& all) {
        auto checked = check(all);
        separate_addresses(checked, addresses_of_peers(checked, pbx::Deadline::after(std::chrono::seconds{5})));
        return checked.refusals.size();
    };
    auto all = with_hosts({"10.0.0.1", "10.0.0.1"});
    CHECK(refusals(all) == 1);
    auto& trunk = all.back().trunks.front();
    trunk.trunk_type = "register";
    trunk.username = "us";
    trunk.password = "secret";
    CHECK(refusals(all) == 0);
    all = with_hosts({"10.0.0.1"});
    all.front().trunks.push_back(all.front().trunks.front());
    all.front().trunks.back().id = "t2";
    all.front().trunks.back().name = "second";
    CHECK(refusals(all) == 0);
}

TEST_CASE("a trunk whose host no operator has approved is left out by name") {
    auto organization = fixture::organization();
    organization.trunks.front().approved_at.reset();
    const auto checked = check({organization});
    CHECK(refused(checked) == "trunk carrier of acme: host \"acme.example.org\" has not been approved by an "
                              "operator\n");
    CHECK(pjsip_text(checked.plans.front()).find("carrier") == std::string::npos);
}

TEST_CASE("a limit that is not a positive whole number is reported, and calls are not limited") {
    auto organization = fixture::organization();
    for (const std::string good : {"1", "30", "999999"}) {
        organization.max_channels = good;
        CHECK(fixture::plan(organization).max_channels == std::stoi(good));
    }
    for (const std::string none : {"", "null"}) {
        organization.max_channels = none;
        const auto plan = fixture::plan(organization);
        CHECK(plan.max_channels == 0);
        CHECK(extensions_text(plan, {fixture::spool, ""}).find("GROUP(pbx-calls)") == std::string::npos);
    }
    for (const std::string bad : {"0", "-1", "1.5", "\"30\"", "true", "[1]", "1000000", "01"}) {
        organization.max_channels = bad;
        const auto checked = check({organization});
        INFO(bad);
        CHECK_THAT(refused(checked), ContainsSubstring("limit max_channels of acme: "));
        CHECK(checked.plans.front().max_channels == 0);
        CHECK(checked.plans.front().organization.users.size() == 1);
    }
}

TEST_CASE("phones register with as many devices as their organization allows, by default one") {
    auto organization = fixture::organization();
    CHECK_THAT(pjsip_text(fixture::plan(organization)), ContainsSubstring("\nmax_contacts=1\n"));
    organization.max_contacts = "3";
    CHECK_THAT(pjsip_text(fixture::plan(organization)), ContainsSubstring("\nmax_contacts=3\n"));
    for (const std::string bad : {"0", "33", "-1", "1.5", "\"3\"", "true", "[1]", "03"}) {
        organization.max_contacts = bad;
        const auto checked = check({organization});
        INFO(bad);
        CHECK_THAT(refused(checked), ContainsSubstring("setting max_contacts of acme: "));
        CHECK_THAT(pjsip_text(checked.plans.front()), ContainsSubstring("\nmax_contacts=1\n"));
    }
}

TEST_CASE("a phone with which several devices may register rings all of them, in as many steps as another phone") {
    auto organization = fixture::organization();
    const auto one = fixture::extension(fixture::extensions(organization), "acme__internal", "1001");
    CHECK_THAT(one, ContainsSubstring("Gosub(pbx-recorder,calling,1(acme,extension-1001))\n"
                                      " same => n,Dial(PJSIP/acme_1001,60,t"));
    CHECK(one.find("devices") == std::string::npos);
    organization.max_contacts = "1";
    CHECK(fixture::extension(fixture::extensions(organization), "acme__internal", "1001") == one);
    organization.max_contacts = "2";
    const auto several = fixture::extension(fixture::extensions(organization), "acme__internal", "1001");
    CHECK_THAT(several, ContainsSubstring("Gosub(pbx-recorder,devices,1(acme_1001,acme,extension-1001))\n"
                                          " same => n,Dial(${GOSUB_RETVAL},60,t"));
    // A call in progress continues at its next step when this changes.
    CHECK(std::count(several.begin(), several.end(), '\n') == std::count(one.begin(), one.end(), '\n'));
}

TEST_CASE("the URI of a contact is written into no function before it is known to have no closing parenthesis") {
    const auto text = recorder_text({fixture::spool, ""});
    const auto from = text.find("exten => devices,1,");
    REQUIRE(from != std::string::npos);
    const auto checked = text.find("FIELDQTY(plain,))", from);
    REQUIRE(checked != std::string::npos);
    CHECK(text.find("${uri}", from) > checked);
    CHECK(text.find("${plain}", from) > checked);
    CHECK(text.find("PJSIP_DIAL_CONTACTS") == std::string::npos);
    CHECK_THAT(text, ContainsSubstring(" same => n(none),Return(PJSIP/${ARG1})\n"));
}

TEST_CASE("phones and trunks have the codecs of their organization, by default ulaw and alaw") {
    auto organization = fixture::organization();
    CHECK_THAT(pjsip_text(fixture::plan(organization)), ContainsSubstring("\nallow=ulaw,alaw\n"));
    for (const std::string good : {R"(["g722","alaw"])", R"("g722, alaw")", R"("g722,alaw")"}) {
        organization.codecs = good;
        const auto text = pjsip_text(fixture::plan(organization));
        INFO(good);
        CHECK(text.find("allow=g722,alaw\n") != text.rfind("allow=g722,alaw\n")); // of the phone and of the trunk
        CHECK(text.find("allow=ulaw") == std::string::npos);
    }
    for (const std::string bad : {R"("mp3")", R"(["ulaw","ulaw"])", "[]", "7", R"("ulaw\nauth=x")", R"(["ulaw",7])",
                                  "{}", "\"\"", R"("ULAW")", "not JSON"}) {
        organization.codecs = bad;
        const auto checked = check({organization});
        INFO(bad);
        CHECK_THAT(refused(checked), ContainsSubstring("setting codecs of acme: "));
        CHECK_THAT(pjsip_text(checked.plans.front()), ContainsSubstring("\nallow=ulaw,alaw\n"));
    }
}

TEST_CASE("the default route takes numbers with a plus too, and sends them as they are") {
    auto organization = fixture::organization();
    organization.routes.front().strip_digits = 1;
    organization.routes.front().prepend_digits = "00";
    const Rules no_emergency{{}};
    const auto text = fixture::extensions(organization, no_emergency);
    CHECK_THAT(fixture::extension(text, "acme__outbound", "_X."),
               ContainsSubstring("Dial(PJSIP/00${PBX_NUMBER:1}@acme__trunk_carrier,"));
    CHECK_THAT(fixture::extension(text, "acme__outbound", "_+X."),
               ContainsSubstring("Dial(PJSIP/${PBX_NUMBER:0}@acme__trunk_carrier,"));
    organization.routes.front().dial_pattern = "_9X.";
    CHECK(fixture::extensions(organization, no_emergency).find("_+X.,1,Set(CHANNEL") == std::string::npos);
}

TEST_CASE("without emergency numbers the limit of calls holds for calls without a number too") {
    auto organization = fixture::organization();
    organization.max_channels = "1";
    const auto text = extensions_text(fixture::plan(organization), {fixture::spool, "", {}});
    CHECK(text.find("^()$") == std::string::npos);
    CHECK_THAT(text, ContainsSubstring(R"(REGEX("^(none)$" ${ARG1}))"));
}

TEST_CASE("a recording's name is in UTC, and ends with the node's name where it has one") {
    CHECK_THAT(recorder_text({fixture::spool, ""}),
               ContainsSubstring("${STRFTIME(${EPOCH},UTC,%Y%m%d-%H%M%S)}-${src}-${ARG1})\n"));
    CHECK_THAT(recorder_text({fixture::spool, "n1"}),
               ContainsSubstring("${STRFTIME(${EPOCH},UTC,%Y%m%d-%H%M%S)}-${src}-${ARG1}-n1)\n"));
}

// Which recording point a CDR row passed, judged by its context and number.
#include "dialplan/point_finder.hpp"
#include "dialplan_fixture.hpp"

#include <string>

using namespace pbx::dialplan;
using namespace pbx::tenants;

namespace {

std::string found(const Organization& organization, const std::string& context, const std::string& number) {
    const auto point = PointFinder{{organization}}.find(organization.id, context, number);
    if (!point)
        return "nothing";
    return std::string{point->recorded ? "recorded" : "not recorded"} + (point->answers ? " from the start" : "");
}

} // namespace

TEST_CASE("a row's context and number lead to the point whose switch decides") {
    auto acme = fixture::organization();
    CHECK(found(acme, "acme__internal", "1001") == "recorded");
    CHECK(found(acme, "acme__internal", "5001") == "recorded from the start");
    CHECK(found(acme, "acme__queue", "5001") == "recorded from the start");
    CHECK(found(acme, "acme__incoming_sub", "74950001") == "recorded from the start");
    CHECK(found(acme, "acme__internal", "0301234") == "recorded");
    CHECK(found(acme, "acme__internal", "+49301234") == "recorded");
    CHECK(found(acme, "acme__queue", "1001") == "nothing");
    CHECK(found(acme, "acme__policy", "1001") == "nothing");
    CHECK(found(acme, "acme", "1001") == "nothing");
    CHECK(found(acme, "other__internal", "1001") == "nothing");
    acme.dids.front().number = "+7 (495) 0001";
    CHECK(found(acme, "acme__incoming_sub", "74950001") == "recorded from the start");
}

TEST_CASE("a DID that rings its destination before it answers has no leg of its own") {
    auto acme = fixture::organization();
    auto& did = acme.dids.front();
    did.routing_type = "extension";
    did.routing_destination = "1001";
    CHECK(found(acme, "acme__incoming_sub", "74950001") == "nothing");
    did.answers = true;
    CHECK(found(acme, "acme__incoming_sub", "74950001") == "recorded from the start");
}

TEST_CASE("only an explicit false of the row or the organization switches a point off") {
    auto acme = fixture::organization();
    acme.users.front().recording_enabled = false;
    CHECK(found(acme, "acme__internal", "1001") == "not recorded");
    acme.users.front().recording_enabled = true;
    acme.recording_enabled = false;
    CHECK(found(acme, "acme__internal", "1001") == "not recorded");
    CHECK(found(acme, "acme__internal", "0301234") == "not recorded");
    CHECK(found(acme, "acme__incoming_sub", "74950001") == "not recorded from the start");
}

TEST_CASE("of an organization's routes the first one whose pattern takes the number decides") {
    auto acme = fixture::organization();
    acme.routes.push_back({"r2", "private", "t1t1t1t1t1", "9X.", 0, "", "", 5, "active", false});
    acme.routes.push_back({"r3", "off", "t1t1t1t1t1", "_X.", 0, "", "", 1, "inactive", false});
    CHECK(found(acme, "acme__internal", "9555") == "not recorded");
    CHECK(found(acme, "acme__internal", "8555") == "recorded");
    CHECK(found(acme, "acme__outbound", "9555") == "not recorded");
    CHECK(found(acme, "acme__outbound-2", "9555") == "recorded");
    CHECK(found(acme, "acme__outbound-3", "9555") == "nothing");
    CHECK(found(acme, "acme__outbound-0", "9555") == "nothing");
    CHECK(found(acme, "acme__outbound-", "9555") == "nothing");
    CHECK(found(acme, "acme__outboundx", "9555") == "nothing");
}

TEST_CASE("the switch of an extension decides about calls that go on to its outside number") {
    auto acme = fixture::organization();
    acme.users.front().ring_target = "phone";
    acme.users.front().phone_number = "0301234";
    acme.users.front().recording_enabled = false;
    CHECK(found(acme, "acme__outbound", "0301234") == "not recorded");
    CHECK(found(acme, "acme__outbound", "0305678") == "recorded");
}

TEST_CASE("rows and organizations that are not active any more still decide about their calls") {
    auto acme = fixture::organization();
    acme.status = "suspended";
    acme.users.front().status = "inactive";
    CHECK(found(acme, "acme__internal", "1001") == "recorded");
    CHECK(found(acme, "acme__internal", "0301234") == "recorded");
}

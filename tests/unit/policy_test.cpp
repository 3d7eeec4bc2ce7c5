// Who is recorded: every combination of the organization's and a row's switch, at each of the four points.
#include "base/lines.hpp"
#include "dialplan/policy.hpp"
#include "dialplan/recorder.hpp"
#include "dialplan_fixture.hpp"

#include <array>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace pbx::dialplan;
using namespace pbx::tenants;
using fixture::extension;

namespace {

constexpr std::array<RecordingFlag, 3> words{RecordingFlag{true}, RecordingFlag{false}, RecordingFlag{}};

// Whether the recorder finds a point in the policy, judged by the dialplan's text alone.
bool starts_at(const std::string& text, const std::string& point) {
    const std::string name = point == "extension" ? "1001"
                             : point == "did"     ? "74950001"
                             : point == "queue"   ? "5001"
                                                  : "r1";
    return !extension(text, "acme__policy", point + '-' + name).empty();
}

// The text without its comments and its policy.
std::string steps(const std::string& text) {
    std::string result;
    std::string context;
    for (const auto line : pbx::Lines{text}) {
        if (line.starts_with('['))
            context = line;
        if (!line.starts_with(';') && context != "[acme__policy]")
            result.append(line).append("\n");
    }
    return result;
}

RecordingFlag& switch_of(Organization& organization, const std::string& point) {
    if (point == "extension")
        return organization.users.front().recording_enabled;
    if (point == "did")
        return organization.dids.front().recording_enabled;
    if (point == "queue")
        return organization.queues.front().recording_enabled;
    return organization.routes.front().recording_enabled;
}

} // namespace

TEST_CASE("a point records unless its row or the master says false, at each of the four points") {
    // The master's key may be missing or null; the loader treats both alike.
    for (const auto master : words)
        for (const auto row : words)
            for (const std::string point : {"extension", "did", "queue", "route"}) {
                auto organization = fixture::organization();
                organization.recording_enabled = master;
                // The other three points must neither be needed for this one nor change it.
                for (const auto others : words) {
                    for (const std::string other : {"extension", "did", "queue", "route"})
                        switch_of(organization, other) = others;
                    switch_of(organization, point) = row;
                    const bool expected = master != RecordingFlag{false} && row != RecordingFlag{false};
                    const auto text = fixture::extensions(organization);
                    INFO(point << ", master " << master.value_or(true) << master.has_value() << ", row "
                               << row.value_or(true) << row.has_value());
                    CHECK(starts_at(text, point) == expected);
                    const auto* name = point == "extension" ? "1001"
                                       : point == "did"     ? "74950001"
                                       : point == "queue"   ? "5001"
                                                            : "out";
                    CHECK((text.find("; recorded: " + point + ' ' + name + '\n') != std::string::npos) == expected);
                    for (const auto& each : points(fixture::plan(organization)))
                        if (each.kind == point)
                            CHECK(each.recorded == expected);
                }
            }
}

TEST_CASE("with the master off the policy is empty, and nothing mentions a recorder's command") {
    auto organization = fixture::organization();
    organization.recording_enabled = false;
    for (const std::string point : {"extension", "did", "queue", "route"})
        switch_of(organization, point) = true;
    const auto text = fixture::extensions(organization);
    CHECK(text.ends_with("[acme__policy]\n"));
    CHECK(text.find("MixMonitor") == std::string::npos);
    // The calls still go through.
    CHECK(extension(text, "acme__internal", "1001").find("Dial(PJSIP/acme_1001,") != std::string::npos);
    CHECK(extension(text, "acme__queue", "5001").find("Queue(acme__5001,") != std::string::npos);
}

TEST_CASE("the policy lists what is off too, so that it differs from a point that does not exist") {
    auto organization = fixture::organization();
    organization.queues.front().recording_enabled = false;
    const auto text = fixture::extensions(organization);
    CHECK(!extension(text, "acme__policy", "organization").empty());
    CHECK(!extension(text, "acme__policy", "extension-1001").empty());
    CHECK(extension(text, "acme__policy", "off-extension-1001").empty());
    CHECK(!extension(text, "acme__policy", "off-queue-5001").empty());
}

TEST_CASE("the recorder knows the organizations that are not active, by a prefix that can be one") {
    std::vector<Organization> all{fixture::organization(), fixture::organization("asleep"),
                                  fixture::organization("a]\n[evil")};
    for (std::size_t i = 1; i < all.size(); ++i) {
        all[i].id.back() = static_cast<char>('5' + i);
        all[i].status = "suspended";
    }
    const auto checked = check(all);
    CHECK(checked.inactive == std::vector<std::string>{"asleep"});
    const auto text = recorder_text({fixture::spool, ""}, checked.inactive);
    CHECK(!extension(text, "pbx-recorder__policy", "inactive-asleep").empty());
    CHECK(extension(text, "pbx-recorder__policy", "inactive-acme").empty());
}

TEST_CASE("a change of policy moves no step under a call in progress") {
    const auto before = steps(fixture::extensions(fixture::organization()));
    CHECK(before.find("Gosub(pbx-recorder,start,1(74950001,,acme,did-74950001))") != std::string::npos);
    for (const std::string point : {"extension", "did", "queue", "route"}) {
        auto organization = fixture::organization();
        switch_of(organization, point) = false;
        CHECK(steps(fixture::extensions(organization)) == before);
    }
    auto organization = fixture::organization();
    organization.recording_enabled = false;
    CHECK(steps(fixture::extensions(organization)) == before);
}

// Whether a number that plays no notice answers and records before it rings. It rings a second side only while it
// records: Dial() informs the caller's channel of an answer only when it rings more than one.
bool answers(const std::string& steps) {
    const auto jump = steps.find("GotoIf($[${GOSUB_RETVAL}=0]?ring)");
    const auto start = steps.find("start,1(74950001");
    CHECK(steps.find("n(ring),Set(PBX_BESIDE=${IF($[\"x${PBX_FILE}\"=\"x\"]?:&Local/nobody@pbx-recorder/n)})") > start);
    CHECK((jump == std::string::npos || jump < start));
    return jump == std::string::npos && steps.find("Answer()") < start;
}

TEST_CASE("only a number that leads to a queue, or whose row wants it, answers without a notice") {
    auto organization = fixture::organization();
    auto& did = organization.dids.front();
    const auto text = [&] { return extension(fixture::extensions(organization), "acme__incoming_sub", "74950001"); };
    CHECK(text().find("Answer()") != std::string::npos);
    for (const auto& [type, destination, rings] :
         {std::tuple{"extension", "1001", "Dial(Local/1001@acme__internal/n"},
          std::tuple{"external", "4930123", "Dial(Local/4930123@acme__outbound/n"}}) {
        did.routing_type = type;
        did.routing_destination = destination;
        did.answers = false;
        CHECK(text().find("Answer()") == std::string::npos);
        CHECK(!answers(text()));
        CHECK(text().find(std::string{rings} + "${PBX_BESIDE})") != std::string::npos);
        did.answers = true;
        CHECK(answers(text()));
        CHECK(text().find(std::string{rings} + "${PBX_BESIDE})") != std::string::npos);
    }
}

TEST_CASE("the id of a route is written without what Asterisk would understand") {
    Route route;
    route.id = "1f-A,1)]\n${x}";
    CHECK(point_id(route) == "route-1f-A1x");
}

TEST_CASE("for a user whose calls ring a telephone the extension decides, not the route") {
    auto organization = fixture::organization();
    auto& user = organization.users.front();
    user.ring_target = "phone";
    user.phone_number = "+4930123";
    const auto text = fixture::extensions(organization);
    CHECK(extension(text, "acme__internal", "1001").find("Gosub(acme__outbound,+4930123,1(1001))") !=
          std::string::npos);
    CHECK(extension(text, "acme__outbound", "_X.")
              .find(R"(Set(PBX_DECIDES=${IF($["x${ARG1}"="x"]?route-r1:extension-${ARG1})}))") != std::string::npos);
}

TEST_CASE("the master decides when it is false, otherwise the row does") {
    auto organization = fixture::organization();
    organization.queues.front().recording_enabled = false;
    const auto decided = [&](const std::string& kind) {
        for (const auto& point : points(fixture::plan(organization)))
            if (point.kind == kind)
                return point.decided_by + " = " + point.value;
        return std::string{};
    };
    CHECK(decided("queue") == "queues.recording_enabled = false");
    CHECK(decided("did") == "did_numbers.recording_enabled = not set");
    organization.recording_enabled = false;
    CHECK(decided("queue") == "organizations.settings.recording_enabled = false");
    CHECK(decided("route") == "organizations.settings.recording_enabled = false");
}

TEST_CASE("a change of policy is described in one sentence for each point") {
    auto organization = fixture::organization();
    const auto before = fixture::extensions(organization);
    organization.queues.front().recording_enabled = false;
    organization.users.push_back({"u2", "1002", "Bob", "active", "a-long-secret", "", "ext", "", {}});
    const auto after = fixture::extensions(organization);
    CHECK(policy_changes(before, after) ==
          std::vector<std::string>{"stops recording: queue 5001 of acme",
                                   "starts recording: extension 1002 of acme, which is new"});
    CHECK(policy_changes(after, before) ==
          std::vector<std::string>{"stops recording: extension 1002 of acme, which is no longer there",
                                   "starts recording: queue 5001 of acme"});
    CHECK(policy_changes(before, before).empty());
    CHECK(policy_changes(before, "").size() == 4);
    CHECK(policy_changes("", before).size() == 4);
}

TEST_CASE("of peers of many organizations on one host the oldest stays, and the others are refused by name") {
    std::vector<Organization> all;
    for (const std::string prefix : {"a", "b", "c", "d"}) {
        all.push_back(fixture::organization(prefix));
        all.back().dids.clear();
        all.back().trunks.front().host = prefix == "d" ? "other.example.org" : "sip.example.org";
        all.back().trunks.front().approved_at = fixture::at(prefix == "b" ? 1 : 2);
    }
    const auto refusals = check(all).refusals;
    REQUIRE(refusals.size() == 2);
    CHECK(refusals[0].row == "trunk carrier of a");
    CHECK(refusals[1].row == "trunk carrier of c");
    CHECK(refusals[0].fault == "host \"sip.example.org\" is held by trunk carrier of b");
    CHECK(refusals[0].conflict);
}

// Who is recorded: every combination of the organization's and a row's switch, at each of the four points.
#include "dialplan/policy.hpp"
#include "dialplan_fixture.hpp"

#include <array>
#include <optional>
#include <utility>

using namespace pbx::dialplan;
using namespace pbx::tenants;
using fixture::extension;

namespace {

constexpr std::array<RecordingFlag, 3> words{RecordingFlag{true}, RecordingFlag{false}, RecordingFlag{}};

// Whether the dialplan starts a recorder at a point, judged by its text alone.
bool starts_at(const std::string& text, const std::string& point) {
    const auto starts = [](const std::string& lines, const std::string& what) {
        REQUIRE_FALSE(lines.empty());
        return lines.find(what) != std::string::npos;
    };
    if (point == "extension")
        return starts(extension(text, "acme__internal", "1001"), "U(acme__rec-up^1001^");
    if (point == "did")
        return starts(extension(text, "acme__incoming_sub", "74950001"), "Gosub(acme__rec,start,1(74950001))");
    if (point == "queue")
        return starts(extension(text, "acme__queue", "5001"), "Gosub(acme__rec,start,1(queue-5001))");
    // Only a route that records turns the dialled number into a tag.
    return starts(extension(text, "acme__outbound", "_X."), "?${PBX_NUMBER}:${ARG1})");
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

TEST_CASE("with the master off there is not one MixMonitor in the organization's text") {
    auto organization = fixture::organization();
    organization.recording_enabled = false;
    for (const std::string point : {"extension", "did", "queue", "route"})
        switch_of(organization, point) = true;
    const auto text = fixture::extensions(organization);
    CHECK(text.find("MixMonitor") == std::string::npos);
    CHECK(text.find("__rec") == std::string::npos);
    CHECK(text.find("U(") == std::string::npos);
    // The calls still go through.
    CHECK(extension(text, "acme__internal", "1001").find("Dial(PJSIP/acme_1001,") != std::string::npos);
    CHECK(extension(text, "acme__queue", "5001").find("Queue(acme__5001,") != std::string::npos);
}

TEST_CASE("with every row off there is no MixMonitor either, and with any one on there is") {
    for (const std::string on : {"", "extension", "did", "queue", "route"}) {
        auto organization = fixture::organization();
        for (const std::string point : {"extension", "did", "queue", "route"})
            switch_of(organization, point) = point == on;
        const auto text = fixture::extensions(organization);
        INFO("on: " << on);
        CHECK((text.find("MixMonitor(/var/spool/asterisk/monitor/") != std::string::npos) == !on.empty());
        CHECK(records(fixture::plan(organization)) == !on.empty());
    }
}

TEST_CASE("an extension that is off, rung from a recorded queue, ends the queue's recording and starts none") {
    auto organization = fixture::organization();
    organization.users.front().recording_enabled = false;
    const auto text = fixture::extensions(organization);
    CHECK(extension(text, "acme__internal", "1001").find("U(acme__rec-up^^") != std::string::npos);
    CHECK(extension(text, "acme__queue", "5001").find("Gosub(acme__rec,arm,1)") != std::string::npos);
}

TEST_CASE("a queue that is off arms no recorder, and disarms the one that another queue armed") {
    auto organization = fixture::organization();
    organization.queues.front().recording_enabled = false;
    const auto queue = extension(fixture::extensions(organization), "acme__queue", "5001");
    CHECK(queue.find("acme__rec,arm") == std::string::npos);
    CHECK(queue.find("acme__rec,start") == std::string::npos);
    CHECK(queue.find("Gosub(acme__rec,disarm,1)") < queue.find("Queue("));
}

TEST_CASE("a DID that is off does not answer the call") {
    auto organization = fixture::organization();
    organization.dids.front().recording_enabled = false;
    const auto did = extension(fixture::extensions(organization), "acme__incoming_sub", "74950001");
    CHECK(did.find("Answer()") == std::string::npos);
    CHECK(did.find("Goto(acme__queue,5001,1)") != std::string::npos);
}

TEST_CASE("a user whose calls ring a telephone is recorded as the extension says, whatever the route says") {
    for (const auto extension_word : words)
        for (const auto route_word : words) {
            auto organization = fixture::organization();
            auto& user = organization.users.front();
            user.ring_target = "phone";
            user.phone_number = "+4930123";
            user.recording_enabled = extension_word;
            organization.routes.front().recording_enabled = route_word;
            const auto* tag = extension_word.value_or(true) ? "1001" : "-";
            CHECK(extension(fixture::extensions(organization), "acme__internal", "1001")
                      .find(std::string{"Gosub(acme__outbound,+4930123,1("} + tag + "))") != std::string::npos);
        }
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

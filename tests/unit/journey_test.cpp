// What a call's rows say about it. The rows are those that a real Asterisk wrote for our dialplan, times shortened.
#include "catch.hpp"
#include "cdr/journey.hpp"

using pbx::cdr::CdrRow;
using pbx::cdr::Direction;
using pbx::cdr::endpoint_of;
using pbx::cdr::make_journey;
using pbx::cdr::TenantNames;
using std::chrono::seconds;
using std::chrono::sys_seconds;

namespace {

const TenantNames acme{"Acme", "acme", {"carrier"}, {{"phone-of-bob", "1007"}}};

struct Given {
    std::int64_t calldate;
    std::int64_t sequence;
    std::string dst, dcontext, channel, dstchannel;
    std::int64_t duration, billsec;
    std::string disposition = "ANSWERED";
    std::string recordingfile = {};
};

std::vector<CdrRow> rows(const std::vector<Given>& given) {
    std::vector<CdrRow> result;
    for (const auto& one : given) {
        CdrRow row;
        row.id = static_cast<std::int64_t>(result.size()) + 1;
        row.linkedid = "1.1";
        row.src = "79100";
        row.calldate = sys_seconds{seconds{one.calldate}};
        row.sequence = one.sequence;
        row.dst = one.dst;
        row.dcontext = one.dcontext;
        row.channel = one.channel;
        row.dstchannel = one.dstchannel;
        row.duration = seconds{one.duration};
        row.billsec = seconds{one.billsec};
        row.disposition = one.disposition;
        row.recordingfile = one.recordingfile;
        result.push_back(row);
    }
    return result;
}

} // namespace

TEST_CASE("DID, queue, extension: one inbound call, answered by the extension") {
    const auto call = make_journey(
        rows({{103, 3, "1002", "acme__internal", "Local/1002@acme__internal-5;2", "PJSIP/acme_1002-0d", 13, 8,
               "ANSWERED", "c.wav"},
              {100, 1, "74950002", "acme__incoming_sub", "PJSIP/acme__trunk_carrier-0c", "", 2, 2, "ANSWERED", "a.wav"},
              {102, 2, "5101", "acme__queue", "PJSIP/acme__trunk_carrier-0c", "Local/1002@acme__internal-5;1", 6, 6,
               "NO ANSWER", "b.wav"}}),
        &acme);
    CHECK(call.direction == Direction::inbound);
    CHECK(call.dialled == "74950002");
    CHECK(call.answered_by == "1002");
    CHECK(call.waited == seconds{8});
    CHECK(call.legs == 3);
    CHECK(call.began == sys_seconds{seconds{100}});
    CHECK(call.ended == sys_seconds{seconds{116}});
    CHECK(call.rows.front().recordingfile == "a.wav");
    CHECK(call.organization == "Acme");
}

TEST_CASE("the longest row represents the call, or the first of several equally long ones") {
    const auto call = make_journey(rows({{100, 1, "1", "", "PJSIP/acme_1001-1", "PJSIP/acme_1-2", 5, 4, "BUSY"},
                                         {110, 2, "2", "", "PJSIP/acme_1001-1", "PJSIP/acme_2-2", 30, 20, "ANSWERED"},
                                         {150, 3, "3", "", "PJSIP/acme_1001-1", "PJSIP/acme_3-2", 30, 29, "FAILED"}}),
                                   &acme);
    CHECK(call.start == sys_seconds{seconds{110}});
    CHECK(call.from == "79100");
    CHECK(call.to == "2");
    CHECK(call.duration == seconds{30});
    CHECK(call.talk_time == seconds{20});
    CHECK(call.disposition == "ANSWERED");
    CHECK(call.direction == Direction::internal);
}

TEST_CASE("a file that several rows name is one leg") {
    CHECK(make_journey(rows({{1, 1, "1", "", "", "", 1, 1, "ANSWERED", "a.wav"},
                             {1, 2, "1", "", "", "", 1, 1, "ANSWERED", "a.wav"}}),
                       nullptr)
              .legs == 1);
}

TEST_CASE("a caller who gave up in the queue waited to the end and was answered by nobody") {
    const auto call = make_journey(
        rows({{100, 1, "74950002", "acme__incoming_sub", "PJSIP/acme__trunk_carrier-0c", "", 2, 2},
              {102, 2, "5101", "acme__queue", "PJSIP/acme__trunk_carrier-0c", "Local/1002@acme__internal-5;1", 20, 20},
              {103, 3, "1002", "acme__internal", "Local/1002@acme__internal-5;2", "PJSIP/acme_1002-0d", 15, 0,
               "NO ANSWER"}}),
        &acme);
    CHECK(call.answered_by.empty());
    CHECK(call.waited == seconds{22});
    CHECK(call.direction == Direction::inbound);
}

TEST_CASE("a blind transfer does not change who answered first") {
    const auto call = make_journey(
        rows({{100, 8, "74950011", "acme__incoming_sub", "PJSIP/acme__trunk_carrier-04",
               "Local/1011@acme__internal-2;1", 9, 9},
              {100, 10, "1012", "acme__internal", "Local/1011@acme__internal-2;2", "PJSIP/acme_1011-05", 5, 3},
              {106, 22, "1012", "acme__internal", "Local/1011@acme__internal-2;2", "PJSIP/acme_1012-7a", 3, 2}}),
        &acme);
    CHECK(call.answered_by == "1011");
    CHECK(call.waited == seconds{2});
    CHECK(call.dialled == "74950011");
}

TEST_CASE("calls to a trunk are outbound, whatever it is called, also when it does not take them") {
    for (const auto* trunk : {"PJSIP/acme__trunk_carrier-2", "PJSIP/carrier-2"}) {
        const auto call =
            make_journey(rows({{100, 1, "74957654321", "acme__internal", "PJSIP/acme_1001-1", trunk, 30, 20}}), &acme);
        CHECK(call.direction == Direction::outbound);
        CHECK(call.answered_by == "74957654321");
        CHECK(call.waited == seconds{10});
    }
    CHECK(
        make_journey(rows({{100, 1, "74957654321", "acme__internal", "PJSIP/acme_1001-1", "", 1, 0, "FAILED"}}), &acme)
            .direction == Direction::outbound);
    CHECK(make_journey(rows({{100, 1, "112", "acme__outbound", "PJSIP/acme_1001-1", "", 1, 0, "FAILED"}}), &acme)
              .direction == Direction::outbound);
}

TEST_CASE("a call that comes in and goes out again is inbound") {
    const auto call = make_journey(
        rows({{100, 1, "74950003", "acme__incoming_sub", "PJSIP/carrier-1", "Local/9122@acme__outbound-1;1", 3, 3},
              {100, 2, "9122", "acme__outbound", "Local/9122@acme__outbound-1;2", "PJSIP/carrier-2", 3, 2}}),
        &acme);
    CHECK(call.direction == Direction::inbound);
    CHECK(call.answered_by == "9122");
}

TEST_CASE("an endpoint with a name of its own is shown as its extension") {
    CHECK(make_journey(
              rows({{100, 1, "1007", "acme__internal", "PJSIP/acme_1001-1", "PJSIP/phone-of-bob-0000001c", 30, 20}}),
              &acme)
              .answered_by == "1007");
}

TEST_CASE("without an organization the names alone decide") {
    const auto call = make_journey(
        rows({{100, 1, "1003", "org_x__incoming", "PJSIP/sip-trunk-1", "PJSIP/org_x_1003-2", 30, 20}}), nullptr);
    CHECK(call.direction == Direction::inbound);
    CHECK(call.answered_by == "1003");
    CHECK(call.organization.empty());
}

TEST_CASE("an endpoint is what stands between the technology and the channel's number") {
    CHECK(endpoint_of("PJSIP/acme_1003-0000001f") == "acme_1003");
    CHECK(endpoint_of("SIP/a-b-0000001f") == "a-b");
    CHECK(endpoint_of("PJSIP/x") == "x");
    CHECK(endpoint_of("Local/1003@acme__internal-1;2").empty());
    CHECK(endpoint_of("").empty());
    CHECK(endpoint_of("nonsense").empty());
}

// What a call's rows say about it. The rows are those that a real Asterisk wrote for our dialplan, times shortened.
#include "catch.hpp"
#include "cdr/journey.hpp"

using pbx::cdr::CdrRow;
using pbx::cdr::Direction;
using pbx::cdr::endpoint_of;
using pbx::cdr::make_journey;
using pbx::cdr::TenantNames;
using pbx::cdr::took_part;
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
    std::string src = "79100", uniqueid = {}, lastapp = "Dial", lastdata = {};
};

std::vector<CdrRow> rows(const std::vector<Given>& given) {
    std::vector<CdrRow> result;
    for (const auto& one : given) {
        CdrRow row;
        row.id = static_cast<std::int64_t>(result.size()) + 1;
        row.linkedid = "1.1";
        row.src = one.src;
        row.uniqueid = one.uniqueid;
        row.lastapp = one.lastapp;
        row.lastdata = one.lastdata;
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
    CHECK(call.start == sys_seconds{seconds{100}});
    CHECK(call.ended == sys_seconds{seconds{116}});
    CHECK(call.rows.front().recordingfile == "a.wav");
    CHECK(call.organization == "Acme");
}

TEST_CASE("a call lasts from the start of its first row to the end of its last") {
    const auto call = make_journey(rows({{100, 1, "1", "", "PJSIP/acme_1001-1", "PJSIP/acme_1-2", 5, 0, "BUSY"},
                                         {110, 2, "2", "", "PJSIP/acme_1001-1", "PJSIP/acme_2-2", 30, 20, "ANSWERED"},
                                         {150, 3, "3", "", "PJSIP/acme_1001-1", "PJSIP/acme_3-2", 30, 0, "FAILED"}}),
                                   &acme);
    CHECK(call.start == sys_seconds{seconds{100}});
    CHECK(call.from == "79100");
    CHECK(call.to == "1");
    CHECK(call.duration == seconds{80});
    CHECK(call.talk_time == seconds{60});
    CHECK(call.waited == seconds{20});
    CHECK(call.disposition == "ANSWERED");
    CHECK(call.direction == Direction::internal);
}

TEST_CASE("ends that are one second apart are one end, since rows have whole seconds") {
    CHECK(
        make_journey(
            rows({{100, 1, "74950011", "acme__incoming_sub", "PJSIP/carrier-1", "Local/1011@acme__internal-2;1", 11, 9},
                  {100, 2, "1011", "acme__internal", "Local/1011@acme__internal-2;2", "PJSIP/acme_1011-05", 10, 9}}),
            &acme)
            .talk_time == seconds{9});
}

TEST_CASE("a DID or a queue that answers the caller does not answer the call") {
    const auto call = make_journey(
        rows({{100, 1, "74950054", "acme__incoming_sub", "PJSIP/carrier-1", "", 1, 1, "ANSWERED"},
              {101, 2, "5001", "acme__queue", "PJSIP/carrier-1", "Local/1002@acme__internal-5;1", 9, 9, "ANSWERED"}}),
        &acme);
    CHECK(call.disposition == "NO ANSWER");
    CHECK(call.talk_time == seconds{0});
    CHECK(call.waited == seconds{10});
}

TEST_CASE("what the rows of an unanswered call say most about it is its disposition") {
    const auto disposition = [](const std::vector<std::pair<std::string, std::string>>& given) {
        std::vector<Given> all;
        for (const auto& [dstchannel, one] : given)
            all.push_back({100, 1, "1", "", "PJSIP/acme_1001-1", dstchannel, 5, 0, one});
        return make_journey(rows(all), &acme).disposition;
    };
    CHECK(disposition({{"", "FAILED"}, {"", "CONGESTION"}}) == "CONGESTION");
    CHECK(disposition({{"", "CONGESTION"}, {"", "NO ANSWER"}}) == "NO ANSWER");
    CHECK(disposition({{"Local/1@a;1", "NO ANSWER"}, {"PJSIP/acme_1002-1", "BUSY"}}) == "BUSY");
    CHECK(disposition({{"", "ANSWERED"}, {"", "FAILED"}}) == "FAILED");
    CHECK(disposition({{"", "unheard of"}}) == "unheard of");
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

TEST_CASE("who gives up in a queue was not answered, even if the phone of one member was busy") {
    CHECK(make_journey(rows({{100, 1, "5001", "acme__queue", "PJSIP/carrier-1", "", 9, 9, "NO ANSWER", "", "79100",
                              "1.1", "Queue"},
                             {100, 2, "1002", "acme__internal", "Local/1002@acme__internal-5;2", "", 0, 0, "BUSY"}}),
                       &acme)
              .disposition == "NO ANSWER");
}

TEST_CASE("an outbound call that its caller hands over stays that caller's outbound call") {
    const auto blind = make_journey(rows({{115, 73, "979031112255", "acme__internal", "PJSIP/acme_1019-31",
                                           "PJSIP/acme__trunk_carrier-32", 3, 1, "ANSWERED", "a.wav", "1019", "1.1"},
                                          {118, 260, "1020", "acme__internal", "PJSIP/acme__trunk_carrier-32",
                                           "PJSIP/acme_1020-83", 30, 30, "ANSWERED", "b.wav", "979031112255", "1.2"}}),
                                    &acme);
    const auto attended =
        make_journey(rows({{115, 65, "979031112255", "acme__internal", "PJSIP/acme_1019-2c",
                            "PJSIP/acme__trunk_carrier-2d", 4, 3, "ANSWERED", "a.wav", "1019", "1.1"},
                           {120, 300, "", "acme__incoming", "PJSIP/acme__trunk_carrier-2d", "PJSIP/acme_1063-72", 33,
                            33, "ANSWERED", "a.wav", "979031112255", "1.2", "Return"}}),
                     &acme);
    for (const auto& call : {blind, attended}) {
        CHECK(call.direction == Direction::outbound);
        CHECK(call.from == "1019");
        CHECK(call.to == "979031112255");
        CHECK(call.dialled == "979031112255");
        CHECK(call.answered_by == "979031112255");
    }
    CHECK(blind.waited == seconds{2});
    CHECK(blind.talk_time == seconds{31});
}

TEST_CASE("the destination of a blind transfer is not what the caller dialled") {
    const auto call = make_journey(
        rows(
            {{116, 92, "1068", "acme__transfer", "PJSIP/acme_1066-3f", "PJSIP/acme_1067-40", 2, 1, "ANSWERED", "a.wav",
              "1066", "1.1", "Dial", "PJSIP/acme_1067,60,tTU(pbx-recorder-up^1067^1066^^acme^extension-1067)"},
             {118, 266, "1068", "acme__internal", "PJSIP/acme_1066-3f", "PJSIP/acme_1068-86", 3, 3, "ANSWERED", "b.wav",
              "1066", "1.1", "Dial", "PJSIP/acme_1068,60,tTU(pbx-recorder-up^1068^1066^^acme^extension-1068)"}}),
        &acme);
    CHECK(call.dialled == "1067");
    CHECK(call.to == "1067");
    CHECK(call.answered_by == "1067");
    CHECK(call.direction == Direction::internal);
}

TEST_CASE("a transferred call to many devices has the extension of their phone where the row has no room for options") {
    const auto dialled = [](const std::string& lastdata) {
        return make_journey(rows({{116, 92, "1068", "acme__transfer", "PJSIP/acme_1066-3f", "PJSIP/acme_1067-40", 2, 1,
                                   "ANSWERED", "a.wav", "1066", "1.1", "Dial", lastdata}}),
                            &acme)
            .dialled;
    };
    const std::string devices = "PJSIP/acme_1067/sip:x@192.0.2.1:5060;ob&PJSIP/acme_1067/sip:y@192.0.2.2:5060";
    CHECK(dialled(devices) == "1067");
    CHECK(dialled(devices + ",60,tTU(pbx-recorder-up^10") == "1067");
    CHECK(dialled(devices + ",60,tTU(pbx-recorder-up^1069^1066^^acme") == "1069");
    for (const std::string other : {"PJSIP/acme_1067,60", "PJSIP/1067/sip:x", "Local/acme_1067/sip:x", "PJSIP/", ""})
        CHECK(dialled(other) == "1068");
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

TEST_CASE("a conference room answers each of its participants, also the one whose row names no other") {
    const auto in_room = [](Given row) {
        row.lastapp = "ConfBridge";
        return row;
    };
    const auto first = make_journey(
        rows({{100, 0, "74950080", "acme__incoming_sub", "PJSIP/carrier-0", "", 2, 2, "ANSWERED", "menu.wav"},
              in_room({102, 1, "800", "acme__own", "PJSIP/carrier-0", "PJSIP/acme_1001-1", 4, 4}),
              in_room({103, 4, "800", "acme__own", "PJSIP/carrier-0", "PJSIP/acme_1002-2", 6, 6})}),
        &acme);
    CHECK(first.answered_by == "800");
    CHECK(first.dialled == "74950080");
    CHECK(first.talk_time == seconds{7});
    const auto last =
        make_journey(rows({in_room({104, 3, "800", "acme__internal", "PJSIP/acme_1002-2", "", 0, 0})}), &acme);
    CHECK(last.disposition == "ANSWERED");
    CHECK(last.answered_by == "800");
    CHECK(last.direction == Direction::internal);
}

TEST_CASE("an extension takes part by its phone, or where its number is dialled or rings inside the organization") {
    const auto in = [](const Given& row, const std::string& extension, const TenantNames* tenant = &acme) {
        return took_part(make_journey(rows({row}), tenant), extension, tenant);
    };
    const Given call{100, 1, "1003", "acme__internal", "PJSIP/acme_1001-1", "PJSIP/phone-of-bob-2", 9, 9};
    CHECK(in(call, "1001"));
    CHECK(in(call, "1003"));
    CHECK(in(call, "1007"));
    CHECK_FALSE(in(call, "1007", nullptr));
    CHECK_FALSE(in(call, "003"));
    CHECK_FALSE(in(call, "79100"));
    CHECK_FALSE(in({100, 1, "s", "x", "PJSIP/acme__trunk_1005-1", "PJSIP/carrier-2", 9, 9}, "1005"));
    const auto rings = [](const std::string& lastdata) {
        return Given{100, 1,      "0171", "acme__outbound", "",      "PJSIP/carrier-2", 9, 9, "ANSWERED",
                     "",  "1001", "1.1",  "Dial",           lastdata};
    };
    CHECK(in(rings("PJSIP/0171@carrier,60,U(pbx-recorder-up^1006^1001^^acme^extension-1006)"), "1006"));
    CHECK(in(rings("PJSIP/0171@carrier,60,U(pbx-recorder-up^1006^1001^^ac"), "1006"));
    CHECK_FALSE(in(rings("PJSIP/0171@carrier,60,U(pbx-recorder-up^100"), "100"));
    CHECK_FALSE(in(rings("PJSIP/0171@carrier,60,U(pbx-recorder-up^0171^1001^^acme^route-1)"), "0171"));
}

// What Asterisk 22 prints on its console about calls in progress, and what a caller can do to it.
#include "catch.hpp"
#include "live/listings.hpp"

using namespace pbx::live;

TEST_CASE("the key of an id is what the dialplan makes of it") {
    CHECK(key_of("1776500000.12") == "1776500000.12");
    CHECK(key_of("pbx-1..example-1776500000.12") == "1776500000.12");
    CHECK(key_of("a)b-1776500000.12;x") == "1776500000.12");
}

TEST_CASE("channels are found with their account and unique id, whatever the caller's number contains") {
    const auto channels = channels_in(
        "PJSIP/acme_1001-00000001!acme__internal!!1!Up!AppDial!(Outgoing Line)!1001!11-22!!3!7!bridge!1776500000.2\n"
        "PJSIP/acme__trunk_t1-00000000!acme__incoming_sub!74950002!4!Up!Dial!Local/1!a!b!11-22!!3!7!!1776500000.1\n"
        "Local/1001@acme__internal-00000000;1!c!1!1!Up!A!!!!!3!7!!1776500000.3\n"
        "\n3 active channels\n");
    REQUIRE(channels.size() == 3);
    CHECK(channels[0].name == "PJSIP/acme_1001-00000001");
    CHECK(channels[0].account == "11-22");
    CHECK(channels[0].bridge == "bridge");
    CHECK(channels[0].id == "1776500000.2");
    CHECK(channels[1].account == "11-22");
    CHECK(channels[1].bridge.empty());
    CHECK(channels[1].id == "1776500000.1");
    CHECK(channels[2].account.empty());
}

TEST_CASE("the ids of a channel are read before the texts that a caller chooses") {
    const auto ids = ids_in(" -- General --\n"
                            "           Name: PJSIP/acme__trunk_t1-00000000\n"
                            "           Type: PJSIP\n"
                            "       UniqueID: 1776500000.1\n"
                            "       LinkedID: 1776500000.0\n"
                            "      Caller ID: 79100\n"
                            "       LinkedID: 1776500000.99\n");
    REQUIRE(ids);
    CHECK(ids->name == "PJSIP/acme__trunk_t1-00000000");
    CHECK(ids->unique == "1776500000.1");
    CHECK(ids->linked == "1776500000.0");
    CHECK_FALSE(ids_in("PJSIP/acme-1 is not a known channel\n"));
    CHECK_FALSE(ids_in("           Name: x\n      Caller ID: y\n       UniqueID: 1.1\n       LinkedID: 1.1\n"));
}

TEST_CASE("a recorder of two channels is found with both of its files, and can be started again") {
    const auto recorders = recorders_in("0x7f5e3c01f2a0\t\t/halves/a.caller\t/halves/a.called\n"
                                        "0x7f5e3c01f2b0\t/a\t/b\t\n");
    REQUIRE(recorders.size() == 2);
    CHECK(recorders[0].file.empty());
    CHECK(recorders[0].arguments() == ",r(/halves/a.caller.wav)t(/halves/a.called.wav)");
    CHECK(recorders[1].arguments() == "/a.wav,r(/b.wav)");
    CHECK(files_in(recorders[0].arguments()) ==
          std::vector<std::string>{"/halves/a.caller.wav", "/halves/a.called.wav"});
    CHECK(files_in(recorders[1].arguments()) == std::vector<std::string>{"/a.wav", "/b.wav"});
    CHECK(files_in("/a.wav") == std::vector<std::string>{"/a.wav"});
    CHECK(Recorder{"0x1", "/a.wav"}.arguments() == "/a.wav,");
}

TEST_CASE("the recorders of a channel are found with their files") {
    const auto recorders = recorders_in("MixMonitor ID\tFile\tReceive File\tTransmit File\n"
                                        "=========================================================================\n"
                                        "0x7f5e3c01f2a0\t/var/spool/asterisk/monitor/a\t\t\n");
    REQUIRE(recorders.size() == 1);
    CHECK(recorders[0].id == "0x7f5e3c01f2a0");
    CHECK(recorders[0].file == "/var/spool/asterisk/monitor/a.wav");
    CHECK(recorders_in("No active MixMonitors\n").empty());
}

TEST_CASE("entries of the AstDB are named without their family") {
    const auto entries = entries_in("/pbx-held/1776500000.0/1776500000.2               : /spool/a.wav             \n"
                                    "1 results found.\n");
    REQUIRE(entries.size() == 1);
    CHECK(entries.begin()->first == "1776500000.0/1776500000.2");
    CHECK(entries.begin()->second == "/spool/a.wav");
}

TEST_CASE("groups are read with their category") {
    const auto groups = groups_in("Channel                    Group                 Category\n"
                                  "PJSIP/acme_1001-00000001   1776500000.0          pbx-pause\n"
                                  "1 active channel\n");
    REQUIRE(groups.size() == 1);
    CHECK(groups[0].name == "PJSIP/acme_1001-00000001");
    CHECK(groups[0].group == "1776500000.0");
    CHECK(groups[0].category == "pbx-pause");
}

TEST_CASE("an endpoint is a channel's name without its number, and a Local channel has none") {
    CHECK(endpoint_in("PJSIP/acme-x_1001-0000001f") == "PJSIP/acme-x_1001");
    CHECK(endpoint_in("Local/1001@acme__internal-00000001;1").empty());
}

// Two channels and 16,000 samples per second, from the organization's settings to the dialplan.
#include "deploy/asterisk_version.hpp"
#include "dialplan/recorder.hpp"
#include "dialplan/recording_settings.hpp"
#include "dialplan_fixture.hpp"

#include <string>

using namespace pbx::dialplan;
using fixture::extension;
using pbx::deploy::version_in;

namespace {

std::string policy(const pbx::tenants::Organization& organization, bool records_two_channels = true) {
    Machine machine{fixture::spool, ""};
    machine.records_two_channels = records_two_channels;
    return extensions_text(fixture::plan(organization), machine);
}

bool has(const std::string& text, const std::string& name) {
    return !extension(text, "acme__policy", name).empty();
}

} // namespace

TEST_CASE("only the number 2 or the text 2 means two channels") {
    for (const auto* two : {"2", "\"2\""}) {
        CHECK(channels_value(two) == 2);
        CHECK(channels_fault(two).empty());
    }
    for (const auto* one : {"", "null", "1", "\"1\""}) {
        CHECK(channels_value(one) == 1);
        CHECK(channels_fault(one).empty());
    }
    for (const auto* bad : {"0", "3", "true", "2.0", "\"two\"", "[2]", "{}", "\" 2\"", "-2"}) {
        CHECK(channels_value(bad) == 1);
        CHECK_FALSE(channels_fault(bad).empty());
        CHECK(rate_value(bad) == 8000);
        CHECK_FALSE(rate_fault(bad).empty());
    }
    CHECK(rate_value("16000") == 16000);
    CHECK(rate_value("\"16000\"") == 16000);
    CHECK(rate_value("8000") == 8000);
    CHECK(rate_fault("null").empty());
}

TEST_CASE("a wrong setting is named, and calls are recorded as without it") {
    auto organization = fixture::organization();
    organization.recording_channels = "\"stereo\"";
    organization.recording_rate = "44100";
    const auto checked = check({organization});
    REQUIRE(checked.refusals.size() == 2);
    CHECK(checked.refusals[0].row == "setting recording_channels of acme");
    CHECK(checked.refusals[1].row == "setting recording_rate of acme");
    REQUIRE(checked.plans.size() == 1);
    CHECK(checked.plans.front().channels == 1);
    CHECK(checked.plans.front().rate == 8000);
}

TEST_CASE("the recorder finds in the policy how an organization is recorded") {
    auto organization = fixture::organization();
    CHECK_FALSE(has(policy(organization), "channels-2"));
    CHECK_FALSE(has(policy(organization), "rate-16000"));
    organization.recording_channels = "2";
    organization.recording_rate = "16000";
    CHECK(has(policy(organization), "channels-2"));
    CHECK(has(policy(organization), "rate-16000"));
    CHECK_FALSE(has(policy(organization, false), "channels-2"));
    organization.recording_enabled = false;
    CHECK_FALSE(has(policy(organization), "channels-2"));
}

TEST_CASE("the channel that answers is the called side, and no recording takes the name of another's halves") {
    const auto text = recorder_text({fixture::spool, ""});
    const std::string halves = "/var/spool/asterisk/monitor/halves/${ARG1}.";
    for (const auto* ending : {"caller.wav)", "called.wav)", "caller.wav16)", "called.wav16)", "wav16)"})
        CHECK(extension(text, "pbx-recorder", "taken").find(halves + ending) != std::string::npos);
    CHECK(extension(text, "pbx-recorder-up", "s").find(",${ARG4},${ARG5},called))") != std::string::npos);
    CHECK(extension(text, "pbx-recorder", "form").find("Set(PBX_MONITOR=,r(${sent})t(${heard}))") != std::string::npos);
}

TEST_CASE("the version of Asterisk is read from what it prints") {
    CHECK(version_in("Asterisk 22.10.1~dfsg+~cs6.15.60671435-1\n") == 22);
    CHECK(version_in("Asterisk 16.28.0~dfsg-0+deb11u4\n") == 16);
    CHECK(version_in("Asterisk certified/18.9-cert13\n") == 18);
    CHECK(version_in("Asterisk GIT-20-a1b2c3M\n") == 20);
    CHECK(version_in("warning: x\nAsterisk 18.1.0\n") == 18);
    for (const auto* other : {"", "Asterisk", "Asterisk \n", "Asterisk SVN-trunk\n", "asterisk 22\n", "Asterisk -1\n"})
        CHECK_FALSE(version_in(other));
    CHECK(pbx::deploy::keeps_directions_in_step(18));
    CHECK_FALSE(pbx::deploy::keeps_directions_in_step(16));
}

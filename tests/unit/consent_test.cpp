// Whether an organization asks for consent: its settings, and what the dialplan makes of them.
#include "cdr/consent.hpp"
#include "dialplan/consent.hpp"
#include "dialplan/consent_steps.hpp"
#include "dialplan/recorder.hpp"
#include "dialplan_fixture.hpp"

#include <string>
#include <utility>

using namespace pbx::dialplan;
using fixture::extension;
using pbx::cdr::consent_text;

namespace {

const Machine machine{fixture::spool, "", {"112"}, "/usr/share/sounds"};

std::string text_with(pbx::tenants::Organization organization, const std::string& mode) {
    organization.recording_consent = '"' + mode + '"';
    return extensions_text(fixture::plan(organization), machine);
}

bool asks(const std::string& text, const std::string& point) {
    return !extension(text, "acme__consent", point).empty();
}

} // namespace

TEST_CASE("a mode is one of five words, and what is neither is treated as the strictest") {
    for (const auto& [text, mode] : {std::pair{"", ConsentMode::none},
                                     {"null", ConsentMode::none},
                                     {R"("none")", ConsentMode::none},
                                     {R"("external")", ConsentMode::external},
                                     {R"("announcement")", ConsentMode::announcement},
                                     {R"("opt_out")", ConsentMode::opt_out},
                                     {R"("opt_in")", ConsentMode::opt_in}}) {
        INFO(text);
        CHECK(consent_fault(text).empty());
        CHECK(consent_value(text) == mode);
    }
    for (const std::string bad : {"true", "0", "[]", "{}", "\"\"", R"("None")", R"("opt-in")", R"("opt_in ")", "opt_in",
                                  R"("opt_in\nexten => x")", R"(["opt_in"])"}) {
        INFO(bad);
        CHECK(!consent_fault(bad).empty());
        CHECK(consent_value(bad) == ConsentMode::opt_in);
    }
}

TEST_CASE(
    "a prompt is the name of a sound, which neither leads out of the folder nor means something to the dialplan") {
    for (const std::string good : {"notice", "custom/ask-me", "de/custom/Hinweis_2"}) {
        INFO(good);
        CHECK(prompt_fault('"' + good + '"').empty());
        CHECK(prompt_value('"' + good + '"') == good);
    }
    CHECK(prompt_value("null").empty());
    for (const std::string bad :
         {"",    "/etc/passwd", "../x", "a/../b", "a//b", "a/",    ".hidden", "a.wav", "a,b",  "a&b",     "a b",
          "a:b", "${X}",        "$[1]", "a)",     "a;b",  "a\\nb", "http",    "-x",    "a/-b", "\xc3\xa4"}) {
        INFO(bad);
        CHECK(prompt_fault('"' + bad + '"').empty() == (bad == "http"));
        CHECK(prompt_value('"' + bad + '"') == (bad == "http" ? bad : ""));
    }
    CHECK(!prompt_fault('"' + std::string(121, 'a') + '"').empty());
    for (const std::string bad : {"7", "true", "[]", "not JSON"})
        CHECK(!prompt_fault(bad).empty());
}

TEST_CASE("a wrong setting is reported, and leaves the organization its phones") {
    auto organization = fixture::organization();
    organization.recording_consent = R"("optin")";
    organization.consent_prompt = R"("../x")";
    const auto checked = check({organization});
    REQUIRE(checked.refusals.size() == 2);
    CHECK(checked.refusals[0].row == "setting recording_consent of acme");
    CHECK(checked.refusals[1].row == "setting consent_prompt of acme");
    CHECK(checked.plans.front().organization.users.size() == 1);
    CHECK(notice_of(checked.plans.front().consent, machine) == "/usr/share/sounds/consent-opt-in");
}

TEST_CASE("the dialplan has the mode and the notice only where somebody is asked") {
    const auto organization = fixture::organization();
    CHECK(text_with(organization, "none").find("__consent]") == std::string::npos);
    CHECK(extension(text_with(organization, "external"), "acme__consent", "notice") ==
          "exten => notice,1,Return(external)\n");
    CHECK(extension(text_with(organization, "opt_out"), "acme__consent", "notice") ==
          "exten => notice,1,Return(opt_out:/usr/share/sounds/consent-opt-out)\n");
    CHECK(!asks(text_with(organization, "external"), "did-74950001"));
    auto off = organization;
    off.recording_enabled = false;
    CHECK(text_with(off, "opt_in").find("__consent]") == std::string::npos);
}

TEST_CASE("the steps of a call are the same whether it is asked or not") {
    const auto steps = [](const std::string& mode) {
        auto text = text_with(fixture::organization(), mode);
        const auto begin = text.find("\n; Who is asked");
        return begin == std::string::npos ? text : text.erase(begin, text.find("\n; Where calls are", begin) - begin);
    };
    for (const std::string mode : {"external", "announcement", "opt_out", "opt_in"})
        CHECK(steps(mode) == steps("none"));
}

TEST_CASE("a DID or a queue asks where the call can be recorded, there or behind it") {
    auto organization = fixture::organization();
    organization.queues.front().recording_enabled = false;
    organization.dids.front().recording_enabled = false;
    CHECK(asks(text_with(organization, "opt_in"), "queue-5001")); // its agent is recorded
    CHECK(asks(text_with(organization, "opt_in"), "did-74950001"));
    organization.users.front().recording_enabled = false;
    CHECK(!asks(text_with(organization, "opt_in"), "queue-5001"));
    CHECK(!asks(text_with(organization, "opt_in"), "did-74950001"));
    organization.queues.front().timeout_destination_type = "external";
    organization.queues.front().timeout_destination = "79001112233";
    CHECK(asks(text_with(organization, "opt_in"), "did-74950001")); // a route is recorded
    organization.routes.front().recording_enabled = false;
    CHECK(!asks(text_with(organization, "opt_in"), "did-74950001"));
    organization.dids.front().recording_enabled = true;
    CHECK(asks(text_with(organization, "opt_in"), "did-74950001"));
}

TEST_CASE("without emergency numbers, no number is one") {
    CHECK(recorder_text({fixture::spool, "", {}}).find("^()$") == std::string::npos);
    CHECK(recorder_text({fixture::spool, "", {"112", "911"}}).find("^(112|911)$") != std::string::npos);
}

TEST_CASE("the answers of several rows are each named once, in one order, and nothing else is an answer") {
    CHECK(consent_text("").empty());
    CHECK(consent_text("granted,granted") == "granted");
    CHECK(consent_text("declined,,announced,declined") == "announced,declined");
    CHECK(consent_text("no-answer,external") == "no-answer,external");
    CHECK(consent_text("Granted, granted,grant,1granted,\"").empty());
}

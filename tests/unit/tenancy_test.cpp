// An organization's configuration leads only into the organization, and callers' texts cannot control it.
#include "base/lines.hpp"
#include "dialplan/recorder.hpp"
#include "dialplan/text.hpp"
#include "dialplan_fixture.hpp"

#include <regex>
#include <set>

using namespace pbx::dialplan;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t result = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
        ++result;
    return result;
}

pbx::tenants::Organization with_everything() {
    auto organization = fixture::organization();
    organization.max_channels = "5";
    organization.users.push_back({"u2", "1002", "Bob", "active", "", "", "phone", "4930123", {}});
    organization.routes.push_back({"r2", "second", "t1t1t1t1t1", "_49X.", 2, "00", "4930111", 20, "active", {}});
    return organization;
}

} // namespace

TEST_CASE("every call in an organization's dialplan gets the organization's accountcode") {
    const auto organization = with_everything();
    const auto text = fixture::extensions(organization);
    const std::set<std::string> entered{"acme__internal",   "acme__incoming_sub", "acme__outbound",
                                        "acme__outbound-2", "acme__queue",        "acme__none"};
    std::string context;
    std::size_t checked = 0;
    for (const auto view : pbx::Lines{text}) {
        const std::string line{view};
        if (line.starts_with('['))
            context = line.substr(1, line.find(']') - 1);
        if (!entered.contains(context) || !line.starts_with("exten => ") || line.starts_with("exten => i,"))
            continue;
        INFO(context << ": " << line);
        CHECK(line.ends_with(",1,Set(CHANNEL(accountcode)=" + organization.id + ")"));
        ++checked;
    }
    CHECK(checked == 9);
}

TEST_CASE("every context and section of an organization begins with its prefix") {
    const auto plan = fixture::plan(with_everything());
    for (const auto& text : {extensions_text(plan, {fixture::spool, "", {}}), pjsip_text(plan), queues_text(plan)})
        for (const auto line : pbx::Lines{text})
            if (line.starts_with('['))
                CHECK(line.starts_with("[acme_"));
}

TEST_CASE("phones and trunks lead into their own organization's contexts") {
    const auto plan = fixture::plan(with_everything());
    const auto text = pjsip_text(plan);
    CHECK(count(text, "type=endpoint\n") == 2);
    CHECK(count(text, "\ncontext=acme__internal\n") == 1);
    CHECK(count(text, "\ncontext=acme__incoming\n") == 1);
    CHECK(count(text, "\nmessage_context=acme__message\n") == 2);
    CHECK(count(text, "\nset_var=TRANSFER_CONTEXT=acme__transfer\n") == 1);
    CHECK(count(text, "\naccountcode=" + plan.accountcode() + "\n") == 2);
    CHECK(queues_text(plan).find("member => Local/1001@acme__internal/n,") != std::string::npos);
}

TEST_CASE("a trunk is found by its address alone, and marks its calls as calls from outside") {
    auto organization = fixture::organization();
    organization.users.clear();
    const auto text = pjsip_text(fixture::plan(organization));
    CHECK(count(text, "\nidentify_by=ip\n") == 1);
    CHECK(count(text, "\nendpoint=acme__trunk_carrier\nmatch=acme.example.org\n") == 1);
    CHECK(count(text, "\nset_var=__PBX_OUTSIDE=1\n") == 1);
    CHECK(count(text, "type=auth") == 0);
}

TEST_CASE("what a caller sends or dials reaches the dialplan only through a filter") {
    const auto text = fixture::extensions(with_everything()) + recorder_text({fixture::spool, ""});
    static const std::regex filtered{R"(FILTER\([^,]+,\$\{(CALLERID\(num\)|EXTEN(:[0-9]+)?)\})"};
    const auto rest = std::regex_replace(text, filtered, "");
    CHECK(rest != text);
    CHECK(rest.find("CALLERID(num)") == std::string::npos);
    CHECK(rest.find("EXTEN") == std::string::npos);
}

TEST_CASE("a name with quotes and backslashes stays one quoted value") {
    CHECK(quoted_value(R"(a"b\c;d)") == R"("a\"b\\c\;d")");
}

TEST_CASE("a value of more than 256 bytes is refused, since Asterisk cuts long lines") {
    CHECK(value_fault(std::string(256, 'x')).empty());
    CHECK(value_fault(std::string(257, 'x')) == "it is longer than 256 bytes");
}

// No text in a column can add a line, a section or an application to Asterisk's configuration: random
// strings go into every column, and what is written is read back as Asterisk reads it.
#include "dialplan/text.hpp"
#include "dialplan_fixture.hpp"

#include <functional>
#include <map>
#include <random>
#include <regex>
#include <set>

using namespace pbx::dialplan;
using namespace pbx::tenants;

namespace {

struct Line {
    std::string section;
    std::string key; // empty for "[section]" itself
    std::string value;
};

std::string stripped(const std::string& text) {
    const auto first = text.find_first_not_of(" \t");
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// As main/config.c reads a file: lines, comments, escaped semicolons, sections, "key = value" and "key => value".
std::vector<Line> read_back(const std::string& text) {
    std::vector<Line> lines;
    std::string section;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = text.find('\n', at);
        REQUIRE(end != std::string::npos);
        const auto raw = text.substr(at, end - at);
        at = end + 1;
        REQUIRE(raw.size() < 8191); // Asterisk reads a longer line as two
        REQUIRE(std::none_of(raw.begin(), raw.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }));
        std::string code;
        for (std::size_t i = 0; i < raw.size(); ++i) {
            if (raw[i] == ';' && !code.empty() && code.back() == '\\') {
                code.back() = ';';
                continue;
            }
            if (raw[i] == ';') {
                REQUIRE(raw.compare(i, 3, ";--") != 0); // would comment out all that follows
                break;
            }
            code += raw[i];
        }
        code = stripped(code);
        if (code.empty())
            continue;
        REQUIRE(code[0] != '#');
        if (code[0] == '[') {
            REQUIRE(code.back() == ']');
            section = code.substr(1, code.size() - 2);
            lines.push_back({section, "", ""});
            continue;
        }
        REQUIRE_FALSE(section.empty());
        const auto equals = code.find('=');
        REQUIRE(equals != std::string::npos);
        const bool object = code.compare(equals, 2, "=>") == 0;
        lines.push_back({section, stripped(code.substr(0, equals)), stripped(code.substr(equals + (object ? 2 : 1)))});
    }
    return lines;
}

class Strings {
  public:
    explicit Strings(unsigned seed) : random_{seed} {}

    std::string hostile() {
        static const std::vector<std::string> pieces{"\n",
                                                     "\r\n",
                                                     "\r",
                                                     "\n[evil]\n",
                                                     "\n#include /etc/passwd\n",
                                                     "#exec id",
                                                     ";",
                                                     ";--",
                                                     "--;",
                                                     "\\;",
                                                     "\\",
                                                     "]",
                                                     "[",
                                                     "(",
                                                     ")",
                                                     "((",
                                                     "))",
                                                     ",",
                                                     "&",
                                                     "|",
                                                     "^",
                                                     "\"",
                                                     "'",
                                                     "`",
                                                     "=",
                                                     "=>",
                                                     " => ",
                                                     "${SHELL(id)}",
                                                     "$[1/0]",
                                                     "${EXTEN}",
                                                     "same => n,System(id)",
                                                     "\nexten => 1,1,System(id)",
                                                     "~P",
                                                     "~",
                                                     "%",
                                                     "\t",
                                                     " ",
                                                     "@",
                                                     "/",
                                                     "../",
                                                     "victim_1001",
                                                     "victim__trunk_carrier",
                                                     "victim__5001",
                                                     "general",
                                                     "global",
                                                     "1",
                                                     "42",
                                                     "1001",
                                                     "_X.",
                                                     "_.",
                                                     "X",
                                                     "+49",
                                                     "*",
                                                     "#",
                                                     "é",
                                                     "\xc3",
                                                     "\xff\xfe",
                                                     "\xe2\x80\xa8",
                                                     "\x7f",
                                                     "\x01",
                                                     std::string(1, '\0'),
                                                     "a",
                                                     "Zz",
                                                     "-",
                                                     ".",
                                                     "_",
                                                     "sip:x@y",
                                                     "Local/1@victim__internal/n",
                                                     std::string(10000, 'x'),
                                                     std::string(300, '9')};
        std::string result;
        for (auto count = random_() % 4 + (random_() % 8 == 0 ? 0 : 1); count > 0; --count)
            result += pieces[random_() % pieces.size()];
        return result;
    }

    std::size_t below(std::size_t limit) { return random_() % limit; }

  private:
    std::mt19937 random_;
};

// Every text column of every table, by name.
std::map<std::string, std::function<std::string&(Organization&)>> columns() {
    const auto user = [](std::string User::*column) {
        return [column](Organization& each) -> std::string& { return each.users.front().*column; };
    };
    const auto trunk = [](std::string Trunk::*column) {
        return [column](Organization& each) -> std::string& { return each.trunks.front().*column; };
    };
    const auto route = [](std::string Route::*column) {
        return [column](Organization& each) -> std::string& { return each.routes.front().*column; };
    };
    const auto queue = [](std::string Queue::*column) {
        return [column](Organization& each) -> std::string& { return each.queues.front().*column; };
    };
    const auto did = [](std::string Did::*column) {
        return [column](Organization& each) -> std::string& { return each.dids.front().*column; };
    };
    return {
        {"organizations.id", [](Organization& each) -> std::string& { return each.id; }},
        {"organizations.name", [](Organization& each) -> std::string& { return each.name; }},
        {"organizations.context_prefix", [](Organization& each) -> std::string& { return each.context_prefix; }},
        {"users.extension", user(&User::extension)},
        {"users.full_name", user(&User::full_name)},
        {"users.sip_password", user(&User::sip_password)},
        {"users.asterisk_endpoint", user(&User::asterisk_endpoint)},
        {"users.ring_target", user(&User::ring_target)},
        {"users.phone_number", user(&User::phone_number)},
        {"sip_trunks.id", trunk(&Trunk::id)},
        {"sip_trunks.name", trunk(&Trunk::name)},
        {"sip_trunks.host", trunk(&Trunk::host)},
        {"sip_trunks.transport", trunk(&Trunk::transport)},
        {"sip_trunks.trunk_type", trunk(&Trunk::trunk_type)},
        {"sip_trunks.username", trunk(&Trunk::username)},
        {"sip_trunks.password", trunk(&Trunk::password)},
        {"sip_trunks.asterisk_peer_name", trunk(&Trunk::asterisk_peer_name)},
        {"outbound_routes.name", route(&Route::name)},
        {"outbound_routes.dial_pattern", route(&Route::dial_pattern)},
        {"outbound_routes.prepend_digits", route(&Route::prepend_digits)},
        {"outbound_routes.caller_id_override", route(&Route::caller_id_override)},
        {"queues.number", queue(&Queue::number)},
        {"queues.name", queue(&Queue::name)},
        {"queues.asterisk_queue_name", queue(&Queue::asterisk_queue_name)},
        {"queues.strategy", queue(&Queue::strategy)},
        {"queues.music_on_hold", queue(&Queue::music_on_hold)},
        {"queues.timeout_destination", queue(&Queue::timeout_destination)},
        {"queues.timeout_destination_type", queue(&Queue::timeout_destination_type)},
        {"did_numbers.number", did(&Did::number)},
        {"did_numbers.routing_type", did(&Did::routing_type)},
        {"did_numbers.routing_destination", did(&Did::routing_destination)},
        {"organizations.limits", [](Organization& each) -> std::string& { return each.max_channels; }},
        {"settings.max_contacts", [](Organization& each) -> std::string& { return each.max_contacts; }},
        {"settings.codecs", [](Organization& each) -> std::string& { return each.codecs; }},
        {"settings.recording_channels", [](Organization& each) -> std::string& { return each.recording_channels; }},
        {"settings.recording_rate", [](Organization& each) -> std::string& { return each.recording_rate; }},
        {"settings.recording_consent", [](Organization& each) -> std::string& { return each.recording_consent; }},
        {"settings.consent_prompt", [](Organization& each) -> std::string& { return each.consent_prompt; }},
    };
}

void judge_dialplan(const std::string& text, const std::string& prefix) {
    static const std::set<std::string> contexts{
        "internal", "incoming", "incoming_sub", "outbound", "queue",   "policy", "caller-id",    "transfer",
        "none",     "message",  "calls",        "calls-up", "account", "own",    "own_incoming", "consent"};
    static const std::set<std::string> applications{
        "Set",    "Gosub",  "GotoIf", "Goto",           "Dial",   "Queue",      "Answer",
        "Hangup", "ExecIf", "Wait",   "StopMixMonitor", "Return", "MixMonitor", "ForkCDR"};
    static const std::regex priority{R"(([^,]+),(1|n|n\([a-z]+\)),([A-Za-z]+)\(.*\))"};
    static const std::regex following{R"((n|n\([a-z]+\)),([A-Za-z]+)\(.*\))"};
    std::set<std::string> seen;
    for (const auto& line : read_back(text)) {
        REQUIRE(line.section.rfind(prefix + "__", 0) == 0);
        const auto context = line.section.substr(prefix.size() + 2);
        REQUIRE(contexts.contains(context));
        if (line.key.empty()) {
            REQUIRE(seen.insert(context).second);
            continue;
        }
        std::smatch found;
        if (line.key == "include") {
            REQUIRE(line.value.rfind(prefix + "__", 0) == 0);
            const auto included = line.value.substr(prefix.size() + 2);
            REQUIRE(std::set<std::string>{"own", "own_incoming", "queue", "outbound", "none"}.contains(included));
        } else if (line.key == "exten") {
            REQUIRE(std::regex_match(line.value, found, priority));
            REQUIRE(applications.contains(found.str(3)));
            REQUIRE(std::regex_match(found.str(1), std::regex{R"([0-9A-Za-z_+*#.!\[\]}-]+)"}));
        } else {
            REQUIRE(line.key == "same");
            REQUIRE(std::regex_match(line.value, found, following));
            REQUIRE(applications.contains(found.str(2)));
        }
        // One call of one application: no column's text brings braces, brackets or quotes of its own.
        for (const auto* trap :
             {"SHELL", "System(", "evil", "/victim", "@victim", ",victim", "(victim", "\\", "`", "'", "$[1/0]"})
            REQUIRE(line.value.find(trap) == std::string::npos);
    }
}

void judge_sections(const std::string& text, const std::set<std::string>& keys, const Organization& organization) {
    for (const auto& line : read_back(text)) {
        REQUIRE(std::regex_match(line.section, std::regex{"[0-9A-Za-z][0-9A-Za-z_.-]*"}));
        REQUIRE(line.section.rfind("victim_", 0) != 0);
        if (line.key.empty())
            continue;
        REQUIRE(keys.contains(line.key));
        if (line.key == "password") {
            const bool of_user = line.value == organization.users.front().sip_password;
            REQUIRE((of_user || line.value == organization.trunks.front().password));
        } else if (line.key == "callerid") {
            const auto& user = organization.users.front();
            if (user.full_name.empty()) {
                REQUIRE(line.value == '<' + user.extension + '>');
                continue;
            }
            // As ast_callerid_parse: the number behind the last '<', the name between quotes, backslashes undone.
            const auto number = line.value.rfind('<');
            REQUIRE(line.value.substr(number) == '<' + user.extension + '>');
            const auto quoted = line.value.substr(1, number - 3);
            std::string name;
            for (std::size_t i = 0; i < quoted.size(); ++i)
                name += quoted[i] == '\\' ? quoted.at(++i) : quoted[i];
            REQUIRE(name == user.full_name);
        } else if (line.key == "member") {
            REQUIRE(std::regex_match(
                line.value,
                std::regex{R"(Local/[0-9A-Za-z]+@[a-z0-9_]+__internal/n,\d+,[0-9A-Za-z]+,(PJSIP/[0-9A-Za-z_.-]+)?)"}));
        } else {
            REQUIRE(std::regex_match(line.value, std::regex{"[0-9A-Za-z_.,:;@=*#+~!%\\[\\]-]*"}));
        }
    }
}

const std::set<std::string> pjsip_keys{"type",           "context",        "disallow",        "allow",
                                       "auth",           "aors",           "callerid",        "password",
                                       "accountcode",    "set_var",        "username",        "direct_media",
                                       "dtmf_mode",      "allow_transfer", "rtp_symmetric",   "rewrite_contact",
                                       "contact",        "max_contacts",   "remove_existing", "endpoint",
                                       "match",          "outbound_auth",  "from_user",       "line",
                                       "server_uri",     "client_uri",     "identify_by",     "allow_subscribe",
                                       "message_context"};
const std::set<std::string> queue_keys{"strategy", "timeout", "retry", "musicclass", "ringinuse", "member"};

Organization victim() {
    auto organization = fixture::organization("victim");
    organization.id = "99999999-2222-3333-4444-555555555555";
    organization.held_since = fixture::at(1);
    organization.dids.front().number = "31415926535";
    organization.trunks.front().host = "victim.example.org";
    return organization;
}

// Checks an organization beside another tenant's, whose texts must not change, and reads back what is written.
// Returns how many rows were refused.
std::size_t judge(const Organization& organization) {
    static const auto expected = [] {
        const auto plan = fixture::plan(victim());
        return extensions_text(plan, {fixture::spool, ""}) + pjsip_text(plan) + queues_text(plan);
    }();
    const auto checked = check({organization, victim()});
    bool unharmed = false;
    for (const auto& plan : checked.plans) {
        if (plan.prefix() == "victim") {
            unharmed = extensions_text(plan, {fixture::spool, ""}) + pjsip_text(plan) + queues_text(plan) == expected;
            continue;
        }
        judge_dialplan(extensions_text(plan, {fixture::spool, ""}), plan.prefix());
        judge_sections(pjsip_text(plan), pjsip_keys, organization);
        judge_sections(queues_text(plan), queue_keys, organization);
    }
    CHECK(unharmed);
    for (const auto& refusal : checked.refusals) {
        CHECK(refusal.row.find('\n') == std::string::npos);
        CHECK(refusal.row.size() + refusal.fault.size() < 600);
    }
    return checked.refusals.size();
}

} // namespace

TEST_CASE("random strings in any one text column add nothing to the configuration") {
    Strings strings{1};
    std::size_t refused = 0;
    for (const auto& [name, column] : columns())
        for (int round = 0; round < 120; ++round) {
            auto organization = fixture::organization();
            if (round % 3 == 0)
                organization.trunks.front().trunk_type = "register";
            if (round % 3 != 1) {
                organization.trunks.front().username = "user";
                organization.trunks.front().password = "secret";
            }
            if (round % 4 == 0) {
                organization.users.front().ring_target = "phone";
                organization.users.front().phone_number = "123";
            }
            column(organization) = strings.hostile();
            INFO(name << " = \"" << column(organization).substr(0, 200) << '"');
            if (organization.context_prefix.find("victim") != std::string::npos)
                continue;
            refused += judge(organization);
        }
    CHECK(refused > 1000); // the strings are really hostile
}

TEST_CASE("random strings in all text columns at once add nothing to the configuration") {
    Strings strings{2};
    for (int round = 0; round < 600; ++round) {
        auto organization = fixture::organization();
        for (const auto& [name, column] : columns())
            if (strings.below(3) == 0 && name != "organizations.id" && name != "organizations.context_prefix")
                column(organization) = strings.hostile();
        judge(organization);
    }
}

TEST_CASE("a row that cannot be made safe is named with its organization and reason, and all others are written") {
    auto organization = fixture::organization();
    organization.users.push_back({"u2", "1002", "Bob", "active", "two\nlines", "", "ext", "", {}});
    organization.users.push_back({"u3", "1003", "Eve", "active", "a-long-secret", "victim_1001", "ext", "", {}});
    const auto checked = check({organization, victim()});
    REQUIRE(checked.refusals.size() == 2);
    CHECK(checked.refusals[0].row == "user 1002 of acme");
    CHECK(checked.refusals[0].fault == "sip_password: it has a line break");
    CHECK(checked.refusals[1].row == "user 1003 of acme");
    CHECK_THAT(checked.refusals[1].fault, ContainsSubstring("does not begin with \"acme_\""));
    REQUIRE(checked.plans.size() == 2);
    CHECK(checked.plans[0].organization.users.size() == 1);
    CHECK_FALSE(
        fixture::extension(extensions_text(checked.plans[0], {fixture::spool, ""}), "acme__internal", "1001").empty());
}

TEST_CASE("a text that Asterisk can hold arrives there as it is") {
    for (const std::string password :
         {"a;b", "a\\;b", "\\", ";;--", "${x}", "a,b]", "#include", "p\xc3\xa4ss", "=>", ">"}) {
        auto organization = fixture::organization();
        organization.users.front().sip_password = password;
        bool found = false;
        for (const auto& line : read_back(pjsip_text(fixture::plan(organization))))
            found = found || (line.key == "password" && line.value == password);
        INFO(password);
        CHECK(found);
    }
}

TEST_CASE("rows and organizations that are not active generate nothing") {
    for (const std::string status : {"suspended", "deleted", "", "ACTIVE"}) {
        auto organization = fixture::organization();
        organization.status = status;
        CHECK(check({organization}).plans.empty());
        organization = fixture::organization();
        organization.users.front().status = status;
        organization.trunks.front().status = status;
        organization.routes.front().status = status;
        organization.queues.front().status = status;
        organization.dids.front().status = status;
        const auto plan = fixture::plan(organization);
        const auto text = extensions_text(plan, {fixture::spool, ""}) + pjsip_text(plan) + queues_text(plan);
        INFO(text);
        for (const auto* trace : {"1001", "5001", "74950001", "_X.,1,Set", "carrier", "MixMonitor"})
            CHECK(text.find(trace) == std::string::npos);
    }
}

TEST_CASE("an inactive user is not a member of a queue") {
    auto organization = fixture::organization();
    organization.users.front().status = "suspended";
    CHECK(queues_text(fixture::plan(organization)).find("member") == std::string::npos);
}

TEST_CASE("all tenants share one namespace: nobody takes another's endpoint, queue or number") {
    auto one = fixture::organization("one");
    auto two = fixture::organization("two");
    two.id = "22222222-2222-3333-4444-555555555555";
    two.trunks.front().host = "two.example.org";
    two.dids.front().number = "+74950001";
    two.dids.front().id = "d2";
    two.users.front().asterisk_endpoint = "shared";
    two.queues.front().asterisk_queue_name = "one__5001";
    const auto checked = check({two, one});
    std::string words;
    for (const auto& refusal : checked.refusals)
        words += refusal.row + '\n';
    CHECK(words == "user 1001 of two\ndid +74950001 of two\nqueue 5001 of two\n");
}

TEST_CASE("a route's pattern must be one that Asterisk accepts") {
    const auto written = [](const std::string& pattern) {
        auto organization = fixture::organization();
        organization.routes.front().dial_pattern = pattern;
        const auto checked = check({organization});
        return checked.plans[0].organization.routes.empty() ? "refused"
                                                            : checked.plans[0].organization.routes[0].dial_pattern;
    };
    for (const std::string good : {"_X.", "_0[1-9]X!", "112", "_+49ZXXXX", "_*9N.", "_[0-3*]X."})
        CHECK(written(good) == good);
    CHECK(written("X.") == "_X.");
    CHECK(written("0[12]X") == "_0[12]X");
    for (const std::string bad :
         {"_.", "_!", "", "_", "_X.,1,System(id)", "_X.5", "_[1-", "_[]X", "_A", "_X X", "h", "s"})
        CHECK(written(bad) == "refused");
}

TEST_CASE("routes are tried by priority, each in a context of its own, and a failed trunk hands on") {
    auto organization = fixture::organization();
    organization.routes.push_back({"r2", "cheap", "t1t1t1t1t1", "_00X.", 2, "+", "+4930", 1, "active", {}});
    const auto text = fixture::extensions(organization);
    const auto cheap = fixture::extension(text, "acme__outbound", "_00X.");
    CHECK_THAT(cheap, ContainsSubstring("Dial(PJSIP/+${PBX_NUMBER:2}@acme__trunk_carrier,"));
    CHECK_THAT(cheap, ContainsSubstring("b(acme__caller-id^1^1)"));
    CHECK_THAT(cheap, ContainsSubstring("?acme__outbound-2,${PBX_NUMBER},1)"));
    CHECK_FALSE(fixture::extension(text, "acme__outbound-2", "_X.").empty());
    CHECK_THAT(text, ContainsSubstring("[acme__outbound]\ninclude => acme__outbound-2\n"));
    CHECK_THAT(fixture::extension(text, "acme__caller-id", "1"), ContainsSubstring("CONNECTEDLINE(num,i)=+4930"));
}

TEST_CASE("a spool that the dialplan could misread is refused") {
    CHECK(spool_fault("/var/spool/asterisk/monitor").empty());
    for (const std::string bad : {"", "relative", "/a,b", "/a b", "/${X}", "/a)b", "/a;b"})
        CHECK_FALSE(spool_fault(bad).empty());
}

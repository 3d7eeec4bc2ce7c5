// Lines of configuration files as Asterisk reads them.
#include "catch.hpp"
#include "dialplan/conf_lines.hpp"

using namespace pbx::dialplan;

namespace {

std::vector<std::string> codes(std::string_view text) {
    std::vector<std::string> result;
    for_each_conf_line(text, [&](const ConfLine& line) { result.push_back(line.code); });
    return result;
}

} // namespace

TEST_CASE("comments are not code, and block comments nest") {
    CHECK(codes("a=1 ; b\n;c\n d \r\n") == std::vector<std::string>{"a=1", "", "d"});
    CHECK(codes(";-- a\n[b]\n--; [c]\n") == std::vector<std::string>{"", "", "[c]"});
    CHECK(codes(";-- ;-- --; [a]\n[b] --; [c]\n[d]") == std::vector<std::string>{"", "[c]", "[d]"});
    CHECK(codes("a;--b--;c\n") == std::vector<std::string>{"ac"});
    CHECK(codes(";--- a line of dashes\n[b]\n") == std::vector<std::string>{"", "[b]"});
    CHECK(codes("password=a\\;b;c\n") == std::vector<std::string>{"password=a;b"});
    CHECK(codes("").empty());
}

TEST_CASE("each line states whether a block comment is open, and no text is lost") {
    const std::string text = "a ;-- b\nc\n--; d\r\nlast";
    std::string whole;
    std::vector<std::pair<int, int>> open;
    for_each_conf_line(text, [&](const ConfLine& line) {
        whole += line.text;
        open.emplace_back(line.before, line.after);
    });
    CHECK(whole == text);
    CHECK(open == std::vector<std::pair<int, int>>{{0, 1}, {1, 1}, {1, 0}, {0, 0}});
}

TEST_CASE("directives are case-insensitive, and the file names in them may be quoted") {
    for (const auto* code : {"#include \"a.conf\"", "#INCLUDE <a.conf>", "#include a.conf", "#include\t'a.conf'"}) {
        CHECK(directive_of(code).word == "include");
        CHECK(directive_of(code).value == "a.conf");
    }
    CHECK(directive_of("#exec /bin/date").word == "exec");
    CHECK(directive_of("include => x").word.empty());
    CHECK(directive_of("#").word.empty());
}

TEST_CASE("sections have names, templates, and may add to others") {
    CHECK(section_of("[lobby]").name == "lobby");
    CHECK(section_of("[lobby](!)").bases.empty());
    CHECK(section_of("[lobby](one, two)").bases == std::vector<std::string>{"one", "two"});
    CHECK(section_of("[lobby](+)").adds);
    CHECK_FALSE(section_of("[lobby](one)").adds);
    CHECK(section_of("[unclosed").name.empty());
    CHECK(section_of("a=[b]").name.empty());
    CHECK(section_of("[lobby](unclosed").bases == std::vector<std::string>{"unclosed"});
}

TEST_CASE("settings have a key and a value, with either arrow") {
    CHECK(setting_of("Bind = 0.0.0.0").key == "bind");
    CHECK(setting_of("bind=>0.0.0.0").value == "0.0.0.0");
    CHECK(setting_of("[a]=b").key.empty());
    CHECK(setting_of("nothing").key.empty());
}

// The main files' include lines, and the diff that shows what changes.
#include "catch.hpp"
#include "dialplan/diff.hpp"
#include "dialplan/includes.hpp"

#include <random>

using namespace pbx::dialplan;

namespace {

std::string maintained(const std::string& main, const std::vector<std::string>& wanted,
                       const std::vector<std::string>& stale = {}) {
    return maintain_includes(main, "/etc/asterisk", wanted, [&](const std::string& file) {
        return std::find(stale.begin(), stale.end(), file) != stale.end();
    });
}

// `before` with the hunks of a unified diff applied, to verify unified_diff.
std::string patched(const std::string& before, const std::string& diff) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < before.size();) {
        const auto end = std::min(before.find('\n', at), before.size() - 1) + 1;
        lines.push_back(before.substr(at, end - at));
        at = end;
    }
    std::string result;
    std::size_t next = 0; // line of `before`
    std::size_t at = diff.find("@@ ");
    while (at < diff.size()) {
        const auto end = diff.find('\n', at) + 1;
        auto line = diff.substr(at, end - at);
        at = end;
        if (line.rfind("@@ -", 0) == 0) {
            const auto first = std::stoul(line.substr(4));
            const auto comma = line.find(',');
            const bool none = comma < line.find(' ', 4) && line.compare(comma, 3, ",0 ") == 0;
            for (; next + 1 < first + (none ? 1 : 0); ++next)
                result += lines.at(next);
            continue;
        }
        if (diff.compare(at, 1, "\\") == 0) {
            line.pop_back();
            at = diff.find('\n', at) + 1;
        }
        if (line[0] != '+')
            REQUIRE(lines.at(next++) == line.substr(1));
        if (line[0] != '-')
            result += line.substr(1);
    }
    for (; next < lines.size(); ++next)
        result += lines[next];
    return result;
}

} // namespace

TEST_CASE("missing include lines are added at the end, and nothing is added twice") {
    const std::string main = "[general]\nstatic=yes\n";
    const auto once = maintained(main, {"ext_a.conf", "ext_b.conf"});
    CHECK(once == main + "#tryinclude \"ext_a.conf\"\n#tryinclude \"ext_b.conf\"\n");
    CHECK(maintained(once, {"ext_a.conf", "ext_b.conf"}) == once);
    CHECK(maintained("", {"ext_a.conf"}) == "#tryinclude \"ext_a.conf\"\n");
    CHECK(maintained(main, {}) == main);
}

TEST_CASE("stale include lines are removed, however they are written, and every other line stays byte for byte") {
    const std::string main = "; mine\r\n"
                             "#include ext_gone.conf\r\n"
                             "\t#TryInclude  \"/etc/asterisk/ext_gone.conf\" ; old\n"
                             "#include <./ext_gone.conf>\n"
                             "#include \"ext_here.conf\"   \n"
                             "#include \"/elsewhere/ext_gone.conf\"\n"
                             "#include \"sub/ext_gone.conf\"\n"
                             "#include my-own.conf\n"
                             "#exec ext_gone.conf\n"
                             "exten => 1,1,NoOp(#include ext_gone.conf)\n"
                             "\n"
                             "no end";
    const auto after = maintained(main, {"ext_here.conf"}, {"ext_gone.conf"});
    CHECK(after == "; mine\r\n"
                   "#include \"ext_here.conf\"   \n"
                   "#include \"/elsewhere/ext_gone.conf\"\n"
                   "#include \"sub/ext_gone.conf\"\n"
                   "#include my-own.conf\n"
                   "#exec ext_gone.conf\n"
                   "exten => 1,1,NoOp(#include ext_gone.conf)\n"
                   "\n"
                   "no end");
}

TEST_CASE("line endings stay those of the file, and so does a missing one at the end") {
    CHECK(maintained("a\r\nb\r\n", {"ext_a.conf"}) == "a\r\nb\r\n#tryinclude \"ext_a.conf\"\r\n");
    CHECK(maintained("a\r\nb", {"ext_a.conf"}) == "a\r\nb\r\n#tryinclude \"ext_a.conf\"");
    CHECK(maintained("a", {"ext_a.conf", "ext_b.conf"}) == "a\n#tryinclude \"ext_a.conf\"\n#tryinclude \"ext_b.conf\"");
    for (const std::string text : {"a\r\nb", "a", "", "a\n"}) {
        const auto once = maintained(text, {"ext_a.conf"});
        CHECK(maintained(once, {"ext_a.conf"}) == once);
    }
}

TEST_CASE("a line inside a block comment includes nothing, and new lines are added outside of it") {
    const std::string commented = ";--\n#include ext_a.conf\n--;\n";
    CHECK(maintained(commented, {"ext_a.conf"}) == commented + "#tryinclude \"ext_a.conf\"\n");
    CHECK(maintained(commented, {}, {"ext_a.conf"}) == commented);
    const std::string open = "[general]\n;-- never closed\nx=y\n";
    const auto once = maintained(open, {"ext_a.conf"});
    CHECK(once == "[general]\n#tryinclude \"ext_a.conf\"\n;-- never closed\nx=y\n");
    CHECK(maintained(once, {"ext_a.conf"}) == once);
}

TEST_CASE("a pattern that already includes a file is left alone, and the file is not included again") {
    const std::string main = "#tryinclude \"ext_*.conf\"\n";
    CHECK(maintained(main, {"ext_a.conf"}, {"ext_*.conf"}) == main);
    CHECK(maintained("#include /etc/asterisk/ext_a.conf\n", {"ext_a.conf"}) == "#include /etc/asterisk/ext_a.conf\n");
}

TEST_CASE("the prefix of an organization is in its files' names") {
    CHECK(prefix_of_file("ext_acme.conf") == "acme");
    CHECK(prefix_of_file("queues_a_b.conf") == "a_b");
    CHECK(prefix_of_file("ext_.conf").empty());
    CHECK(prefix_of_file("extensions.conf").empty());
    CHECK(prefix_of_file("ext_acme.conf.bak").empty());
}

TEST_CASE("a diff applied to the old text gives the new one") {
    std::mt19937 random{20260418}; // NOLINT(cert-msc51-cpp): the same texts in every run
    for (int round = 0; round < 400; ++round) {
        const auto text = [&] {
            std::string result;
            const auto lines = random() % 40;
            for (std::size_t i = 0; i < lines; ++i)
                result += std::string(1, static_cast<char>('a' + random() % 4)) + '\n';
            if (!result.empty() && random() % 3 == 0)
                result.pop_back();
            return result;
        };
        const auto before = text();
        // Half of them are small changes, half of them unrelated texts.
        auto after = text();
        if (random() % 2 == 0 && !before.empty()) {
            after = before;
            after.insert(random() % after.size(), "new\n");
        }
        const auto diff = unified_diff(before, after, "old", "new");
        INFO(diff);
        CHECK(diff.empty() == (before == after));
        CHECK(patched(before, diff) == after);
    }
}

TEST_CASE("a diff shows three lines around each change, as diff -u does") {
    std::string before;
    for (int i = 1; i <= 30; ++i)
        before += std::to_string(i) + '\n';
    auto after = before;
    after.replace(after.find("10\n"), 3, "ten\n");
    after.replace(after.find("25\n"), 3, "");
    CHECK(unified_diff(before, after, "a", "b") ==
          "--- a\n+++ b\n@@ -7,7 +7,7 @@\n 7\n 8\n 9\n-10\n+ten\n 11\n 12\n 13\n"
          "@@ -22,7 +22,6 @@\n 22\n 23\n 24\n-25\n 26\n 27\n 28\n");
    CHECK(unified_diff("", "x", "/dev/null", "b") ==
          "--- /dev/null\n+++ b\n@@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n");
}

TEST_CASE("texts with thousands of differences are shown without taking long") {
    std::string before;
    std::string after;
    for (int i = 0; i < 20000; ++i) {
        before += "old " + std::to_string(i) + '\n';
        after += "new " + std::to_string(i) + '\n';
    }
    CHECK(patched(before, unified_diff(before, after, "a", "b")) == after);
}

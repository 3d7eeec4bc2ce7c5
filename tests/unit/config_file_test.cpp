// The syntax of pbx.conf.
#include "base/error.hpp"
#include "catch.hpp"
#include "cli/config_file.hpp"

using pbx::Error;
using pbx::Exit;
using pbx::cli::parse_config;
using pbx::cli::suggest;

namespace {

std::string value_of(const std::string& line) {
    const auto lines = parse_config(line, "pbx.conf");
    return lines.size() == 1 ? lines.front().value : "not one line";
}

std::string refused(const std::string& text) {
    try {
        parse_config(text, "pbx.conf");
    } catch (const Error& error) {
        CHECK(error.status() == Exit::config);
        return error.what();
    }
    return "accepted";
}

} // namespace

TEST_CASE("a value in quotes is what is between them") {
    CHECK(value_of("database = \"host=/run dbname=pbx\"") == "host=/run dbname=pbx");
    CHECK(value_of("database='a # b'  # a comment") == "a # b");
    CHECK(value_of("remote = \":s3,endpoint=\"http://x:1\":bucket\"") == ":s3,endpoint=\"http://x:1\":bucket");
    CHECK(value_of("remote = \"\"").empty());
}

TEST_CASE("a value without quotes goes to the end of the line, or to a comment") {
    CHECK(value_of("database = host=/run dbname=pbx user=asterisk  # ours") == "host=/run dbname=pbx user=asterisk");
    CHECK(value_of("database = postgresql://pbx:sec#ret@host/pbx") == "postgresql://pbx:sec#ret@host/pbx");
    CHECK(value_of("remote=\tgcs:bucket/recordings \t\r") == "gcs:bucket/recordings");
    CHECK(value_of("stitched =").empty());
    CHECK(value_of("verbose") == "true");
}

TEST_CASE("lines are counted, and belong to the section above them") {
    const auto lines = parse_config("# a comment\n\nspool = /a\n; another\n [pbx-stitch] # jobs\njobs = 2", "pbx.conf");
    REQUIRE(lines.size() == 3);
    CHECK(lines[0].number == 3);
    CHECK(lines[0].section.empty());
    CHECK(lines[1].number == 5);
    CHECK(lines[1].is_section());
    CHECK(lines[2].number == 6);
    CHECK(lines[2].section == "pbx-stitch");
    CHECK(lines[2].name == "jobs");
}

TEST_CASE("a line that cannot be understood is named, and not shown, since it may be a password") {
    CHECK(refused("spool = /a\ndatabase = \"host=/run password=secret") == "pbx.conf:2: the quote \" is not closed");
    CHECK(refused("database \"password=secret\"") == "pbx.conf:1: the line is neither name = value nor [section]");
    CHECK(refused("[pbx-stitch") == "pbx.conf:1: the section's name does not end with ]");
    CHECK(refused(std::string{"spool = a\0b", 11}) == "pbx.conf:1: the line has a control character");
}

TEST_CASE("the name that is most like what was given is suggested") {
    const std::vector<std::string> known{"database", "spool", "stitched", "stitch-src"};
    CHECK(suggest("databse", known) == "did you mean database?");
    CHECK(suggest("stiched", known) == "did you mean stitched?");
    CHECK(suggest("spol", known) == "did you mean spool?");
    CHECK(suggest("colour", known).empty());
    CHECK(suggest("", known).empty());
}

// The file that makes a place in the remote an archive.
#include "catch.hpp"
#include "remote/archive_marker.hpp"

#include <chrono>
#include <set>
#include <string>

using pbx::is_archive_id;
using pbx::make_archive_marker;
using pbx::parse_archive_marker;

TEST_CASE("a marker is read as it was written") {
    const auto marker = make_archive_marker(std::chrono::sys_seconds{std::chrono::seconds{1776523204}});
    const auto read = parse_archive_marker(to_json(marker));
    REQUIRE(read);
    CHECK(read->id == marker.id);
    CHECK(read->made == "2026-04-18T14:40:04Z");
    CHECK(read->version == marker.version);
}

TEST_CASE("each marker has an id of 128 random bits") {
    std::set<std::string> seen;
    for (int i = 0; i < 200; ++i) {
        const auto id = make_archive_marker({}).id;
        CHECK(is_archive_id(id));
        CHECK(seen.insert(id).second);
    }
}

TEST_CASE("a text without a well-formed id is not a marker") {
    const std::string id(32, 'a');
    CHECK(parse_archive_marker(R"({"id":")" + id + R"(","later":"versions may add more"})"));
    for (const std::string& text :
         {std::string{}, std::string{"{"}, std::string{"[]"}, std::string{"7"}, std::string{R"({"id":7})"},
          R"({"id":")" + id + "a\"}", R"({"id":")" + std::string(32, 'A') + "\"}", R"({"ID":")" + id + "\"}"}) {
        INFO(text);
        CHECK_FALSE(parse_archive_marker(text));
    }
}

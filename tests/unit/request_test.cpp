// What pbx-recording-cgi reads of a request: paths, queries, permission, ranges, conditions.
#include "base/error.hpp"
#include "catch.hpp"
#include "listening/conditions.hpp"
#include "listening/html.hpp"
#include "listening/permission.hpp"
#include "listening/request.hpp"

#include <string>
#include <vector>

using namespace pbx::listening;
using pbx::recording::Part;

namespace {

constexpr std::chrono::sys_seconds modified{std::chrono::seconds{784'111'777}}; // the example of RFC 9110, 5.6.7
constexpr const char* modified_text = "Sun, 06 Nov 1994 08:49:37 GMT";

Variables request_for(const std::string& path, const std::string& query = {}) {
    return {{"REQUEST_METHOD", "GET"}, {"PATH_INFO", path}, {"QUERY_STRING", query}};
}

void set(Variables& variables, const std::string& name, const std::string& value) {
    variables.erase(name);
    variables.emplace(name, value);
}

// The status of the refusal; 0 for a request that is understood.
int refusal_of(const std::string& path, const std::string& query = {}) {
    try {
        parse_request(request_for(path, query));
        return 0;
    } catch (const Refusal& refusal) {
        return refusal.status();
    }
}

Plan plan_for(const std::string& range, const std::string& if_range = {}, std::uint64_t length = 1000) {
    Request request;
    request.method = "GET";
    request.range = range;
    request.if_range = if_range;
    return plan_answer(request, {length, "\"tag\"", modified});
}

int status_for(const std::string& none_match, const std::string& since) {
    Request request;
    request.if_none_match = none_match;
    request.if_modified_since = since;
    return plan_answer(request, {1000, "\"tag\"", modified}).status;
}

} // namespace

TEST_CASE("a range is for GET alone") {
    Request request;
    request.range = "bytes=1-2";
    request.method = "GET";
    CHECK(plan_answer(request, {1000, "\"tag\"", modified}).status == 206);
    request.method = "HEAD";
    CHECK(plan_answer(request, {1000, "\"tag\"", modified}).status == 200);
}

TEST_CASE("a path names a call and one of its three resources") {
    const auto recording = parse_request(request_for("/calls/1776500000.1/recording", "leg=2&format=mp3&download"));
    CHECK(recording.call == "1776500000.1");
    CHECK(recording.resource == Request::Resource::recording);
    CHECK(recording.parameter("leg") == "2");
    CHECK(recording.parameters.contains("download"));
    CHECK(recording.parameter("channel").empty());
    CHECK_FALSE(recording.has_link());
    CHECK(parse_request(request_for("/calls/x/peaks")).resource == Request::Resource::peaks);
    CHECK(parse_request(request_for("/calls/x")).resource == Request::Resource::page);
}

TEST_CASE("every other path is refused") {
    for (const char* path :
         {"", "/", "/calls", "calls/x", "/call/x", "//calls/x", "/calls/x/", "/calls/x/recording/", "/calls/x/y",
          "/calls/x//recording", "/Calls/x", "/calls/x/peaks/y", "/recordings/calls/x"})
        CHECK(refusal_of(path) == 404);
    for (const std::string path : {"/calls/", "/calls//recording", "/calls/..", "/calls/../recording", "/calls/.x",
                                   "/calls/-x", "/calls/a..b", "/calls/a\nb", "/calls/a\x7f", "/calls/\xff",
                                   "/calls/\xc0\xae\xc0\xae/recording", "/calls/%2e%2e", "/calls/x%00", "/calls/a\\b"})
        CHECK(refusal_of(path) == 400);
    CHECK(refusal_of("/calls/" + std::string(255, 'a')) == 0);
    CHECK(refusal_of("/calls/" + std::string(256, 'a')) == 400);
    CHECK(refusal_of("/calls/" + std::string(65536, 'a')) == 400);
}

TEST_CASE("a query is decoded once, and one that is ambiguous is refused") {
    CHECK(parse_request(request_for("/calls/x", "account=a%20b%2525&x=+&&y")).parameter("account") == "a b%25");
    CHECK(parse_request(request_for("/calls/x", "x=+")).parameter("x") == "+");
    for (const char* query : {"a=%", "a=%2", "a=%gg", "a=%00", "%00", "a=%ff", "a=1&a=1", "a=1&%61=2", "=&="})
        CHECK(refusal_of("/calls/x", query) == 400);
    CHECK(refusal_of("/calls/x", std::string(4097, 'a')) == 400);
    CHECK(refusal_of("/calls/x", std::string(4096, 'a')) == 0);
}

TEST_CASE("an account is vouched for by the server's variable alone") {
    auto variables = request_for("/calls/x/recording");
    const auto permitted = [&](const PermissionSettings& settings) {
        return find_permission(parse_request(variables), variables, settings, modified);
    };
    CHECK_FALSE(permitted({}));
    set(variables, "HTTP_PBX_ACCOUNT", "mine");
    set(variables, "HTTP_ACCOUNT", "mine");
    CHECK_FALSE(permitted({}));
    CHECK(permitted({{}, "Account"})->account == "mine");
    set(variables, "PBX_ACCOUNT", "");
    CHECK_FALSE(permitted({}));
    set(variables, "PBX_ACCOUNT", "acme");
    CHECK(permitted({{}, "Account"})->account == "acme");
    CHECK(permitted({})->grant == Grant::download);
    set(variables, "PBX_MAY", "play");
    CHECK(permitted({})->grant == Grant::play);
    set(variables, "PBX_MAY", "all");
    CHECK_THROWS_AS(permitted({}), pbx::Error);
    set(variables, "PBX_MAY", "");
    set(variables, "QUERY_STRING", "account=other");
    CHECK_FALSE(permitted({}));
    set(variables, "QUERY_STRING", "account=acme");
    CHECK(permitted({}));
}

TEST_CASE("a header field that is there twice is refused, whether it vouches or describes the request") {
    auto variables = request_for("/calls/x/recording");
    variables.emplace("HTTP_ACCOUNT", "client's");
    variables.emplace("HTTP_ACCOUNT", "server's");
    const auto request = parse_request(variables);
    CHECK_THROWS_AS(find_permission(request, variables, {{}, "Account"}, modified), Refusal);
    CHECK_FALSE(find_permission(request, variables, {}, modified));
    variables.emplace("HTTP_RANGE", "bytes=0-1");
    CHECK(parse_request(variables).range == "bytes=0-1");
    variables.emplace("HTTP_RANGE", "bytes=0-1");
    CHECK_THROWS_AS(parse_request(variables), Refusal);
}

TEST_CASE("a header field that clients can spell in several ways vouches for nobody") {
    auto variables = request_for("/calls/x/recording");
    variables.emplace("HTTP_X_ACCOUNT", "mine");
    for (const char* field :
         {"X-Account", "X_Account", "X.Account", "-Account", "Account ", "X/Account", "Acc\xc3\xb6unt"})
        CHECK_THROWS_AS(find_permission(parse_request(variables), variables, {{}, field}, modified), pbx::Error);
}

TEST_CASE("a signature without configured keys permits nothing") {
    const auto variables = request_for("/calls/x/recording", "signature=");
    CHECK_FALSE(find_permission(parse_request(variables), variables, {}, modified));
}

TEST_CASE("a range is a part of the recording") {
    const std::vector<std::pair<const char*, Part>> cases{{"bytes=0-0", {0, 1}},
                                                          {"bytes=10-19", {10, 10}},
                                                          {"bytes=990-", {990, 10}},
                                                          {"bytes=-5", {995, 5}},
                                                          {"bytes=-5000", {0, 1000}},
                                                          {"bytes=0-99999", {0, 1000}},
                                                          {"bytes=999-999", {999, 1}},
                                                          {"bytes= 1-2", {1, 2}},
                                                          {"bytes=0-18446744073709551616", {0, 1000}},
                                                          {"bytes=-18446744073709551616", {0, 1000}}};
    for (const auto& [range, part] : cases) {
        CAPTURE(range);
        CHECK(plan_for(range).status == 206);
        CHECK(plan_for(range).part == part);
    }
    for (const char* range : {"bytes=1000-", "bytes=1000-1001", "bytes=-0", "bytes=18446744073709551616-"})
        CHECK(plan_for(range).status == 416);
    CHECK(plan_for("bytes=0-", {}, 0).status == 416);
}

TEST_CASE("several ranges and malformed ones are the whole") {
    for (const char* range :
         {"", "bytes", "bytes=", "bytes=-", "bytes=1", "bytes=2-1", "bytes=a-", "bytes=1-b", "bytes=0-1,2-3",
          "bytes=0-1,", "bytes=--1", "bytes=+1-2", "bytes=1-2-3", "Bytes=0-1", "items=0-1", "bytes =0-1"}) {
        CAPTURE(range);
        CHECK(plan_for(range).status == 200);
        CHECK(plan_for(range).part == Part{0, 1000});
    }
}

TEST_CASE("only the range of a browser that begins to play wants everything") {
    CHECK(is_whole_range("bytes=0-"));
    for (const char* range : {"", "bytes=0-1", "bytes=1-", "bytes=-1", "bytes=0-,2-", "bytes="})
        CHECK_FALSE(is_whole_range(range));
}

TEST_CASE("a range is served only of the recording that If-Range names") {
    for (const char* same : {"\"tag\"", modified_text})
        CHECK(plan_for("bytes=0-1", same).status == 206);
    for (const char* other : {"\"other\"", "W/\"tag\"", "tag", "Sun, 06 Nov 1994 08:49:38 GMT", "x"})
        CHECK(plan_for("bytes=0-1", other).status == 200);
}

TEST_CASE("what the client has is not sent again") {
    for (const char* match : {"\"tag\"", "W/\"tag\"", "*", R"("x", "tag")", R"("x",W/"tag" ,"y")"})
        CHECK(status_for(match, {}) == 304);
    for (const char* match : {"\"x\"", "tag", ",", ",,", "\"ta", "W/"})
        CHECK(status_for(match, modified_text) == 200);
    CHECK(status_for({}, modified_text) == 304);
    CHECK(status_for({}, "Mon, 07 Nov 1994 08:49:37 GMT") == 304);
    CHECK(status_for({}, "Sat, 05 Nov 1994 08:49:37 GMT") == 200);
    CHECK(status_for({}, "nonsense") == 200);
}

TEST_CASE("a time of HTTP has one form") {
    CHECK(http_time(modified) == modified_text);
    CHECK(parse_http_time(modified_text) == modified);
    for (const char* text :
         {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Mon, 06 Nov 1994 08:49:37 GMT",
          "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 99 Nov 1994 08:49:37 GMT"})
        CHECK_FALSE(parse_http_time(text).has_value());
}

TEST_CASE("text is escaped for elements and attributes") {
    CHECK(escaped("a<b>&\"c'") == "a&lt;b&gt;&amp;&quot;c&#39;");
    const auto page = make_page("</title><script>", "", "x");
    CHECK(page.html.find("</title><script>") == std::string::npos);
    CHECK_THAT(page.policy, ContainsSubstring("script-src 'sha256-"));
}

// What rclone prints, as the parsers read it.
#include "catch.hpp"
#include "remote/rclone_output.hpp"

#include <chrono>

using namespace pbx::rclone_output;
using pbx::Exit;

namespace {

constexpr const char* md5 = "d41d8cd98f00b204e9800998ecf8427e";

std::chrono::sys_seconds at(long long seconds) {
    return std::chrono::sys_seconds{std::chrono::seconds{seconds}};
}

} // namespace

TEST_CASE("an object's time is read in every zone that rclone prints") {
    CHECK(parse_time("2026-04-18T14:40:04Z") == at(1776523204));
    CHECK(parse_time("2026-04-18T14:40:04.123456789Z") == at(1776523204));
    CHECK(parse_time("2026-04-18T20:10:04.5+05:30") == at(1776523204));
    CHECK(parse_time("2026-04-18T09:40:04-05:00") == at(1776523204));
    CHECK(parse_time("") == at(0));
    CHECK(parse_time("yesterday") == at(0));
    CHECK(parse_time("9999-12-31T00:00:00Z") == at(0)); // its nanoseconds have no number
}

TEST_CASE("an entry of a listing has a path, a size, and an MD5 where the remote has one") {
    const auto entry = parse_list_line(
        std::string{R"({"Path":"a.wav","Size":10,"ModTime":"2026-04-18T14:40:04Z","IsDir":false,"Hashes":{"md5":")"} +
        md5 + "\"}},");
    REQUIRE(entry);
    REQUIRE(entry->object);
    CHECK(entry->path == "a.wav");
    CHECK(entry->object->size == 10);
    CHECK(entry->object->md5 == md5);
    CHECK(entry->object->modified == at(1776523204));
}

TEST_CASE("an entry with an absurd size, and a folder, is an entry without an object") {
    for (const char* rest : {R"("Size":-1)", R"("Size":1.5)", R"("Size":"700")", R"("Size":99999999999999999999)",
                             R"("Size":18446744073709551615)", R"("Size":10,"IsDir":true)", R"("ModTime":"")"}) {
        INFO(rest);
        const auto entry = parse_list_line(std::string{R"({"Path":"a.wav",)"} + rest + "}");
        REQUIRE(entry);
        CHECK_FALSE(entry->object);
    }
}

TEST_CASE("lines that are not entries are not read as entries") {
    for (const auto& line : {std::string{"["}, std::string{"]"}, std::string{"{}"}, std::string{R"({"Path":""})"},
                             std::string{"null"}, R"({"Path":")" + std::string(longest_line, 'x') + "\"}"})
        CHECK_FALSE(parse_list_line(line));
}

TEST_CASE("a list without its first or its last line is incomplete") {
    const std::string entry = R"({"Path":"a.wav","Size":5})";
    CHECK(parse_list("[\n" + entry + "\n]\n", {"a.wav"}).is_whole);
    CHECK(parse_list("[\n]\n", {"a.wav"}).is_whole);
    CHECK(parse_list("[]\n", {"a.wav"}).is_whole);
    for (const auto& out : {std::string{}, std::string{"["}, std::string{"]"}, "[\n" + entry + "\n", entry + "\n]\n",
                            "[\nplease wait\n" + entry + "\n]\n", "[\n" + entry + "\n]\nplease wait\n"}) {
        INFO(out);
        CHECK_FALSE(parse_list(out, {"a.wav"}).is_whole);
    }
}

TEST_CASE("an object in a list that an error cut short is accepted") {
    const auto answer = parse_list("[\n{\"Path\":\"a.wav\",\"Size\":5},\n", {"a.wav", "b.wav"});
    CHECK(answer.objects.contains("a.wav"));
    CHECK_FALSE(answer.is_whole);
}

TEST_CASE("a name with two different entries, or with one that makes no sense, is unclear") {
    const auto answer = parse_list("[\n"
                                   "{\"Path\":\"two.wav\",\"Size\":5},\n{\"Path\":\"two.wav\",\"Size\":6},\n"
                                   "{\"Path\":\"odd.wav\",\"Size\":-1},\n"
                                   "{\"Path\":\"same.wav\",\"Size\":5},\n{\"Path\":\"same.wav\",\"Size\":5}\n]\n",
                                   {"two.wav", "odd.wav", "same.wav"});
    CHECK(answer.unclear == std::set<std::string>{"odd.wav", "two.wav"});
    CHECK(answer.objects.size() == 1);
    CHECK(answer.objects.contains("same.wav"));
}

TEST_CASE("names that were not asked for are ignored in lists and among hashes") {
    CHECK(parse_list("[\n{\"Path\":\"b.wav\",\"Size\":5}\n]\n", {"a.wav"}).objects.empty());
    CHECK(parse_hashes(std::string{md5} + "  b.wav\n", {"a.wav"}).empty());
}

TEST_CASE("hashes are read from whole lines only") {
    const std::string hash{md5};
    CHECK(parse_hashes(hash + "  a.wav\n", {"a.wav"}).at("a.wav") == hash);
    CHECK(parse_hashes(hash + "  a.wav", {"a.wav"}).empty());
    CHECK(parse_hashes("                                  a.wav\n", {"a.wav"}).empty());
}

TEST_CASE("features say whether the storage is a bucket or a folder of this machine") {
    const auto local = parse_features(R"({"Root":"/mnt/x","Features":{"IsLocal":true,"BucketBased":false}})");
    REQUIRE(local);
    CHECK(local->is_local);
    CHECK_FALSE(local->is_bucket);
    CHECK(local->local_folder == "/mnt/x");
    CHECK(parse_features(R"({"Features":{"BucketBased":true}})")->is_bucket);
    CHECK(parse_features(R"({"String":"Encrypted drive 'x:'","Features":{}})")->is_encrypted);
    CHECK_FALSE(local->is_encrypted);
    for (const char* wrapped :
         {R"({"Root":"","Features":{"IsLocal":true,"WrapFs":true}})", R"({"Root":"x","Features":{"IsLocal":true}})",
          R"({"Root":"/x","Features":{"IsLocal":true,"WrapFs":true}})"})
        CHECK_FALSE(parse_features(wrapped)->is_local);
    for (const char* out : {"", "null", "{}", R"({"Features":1})"})
        CHECK_FALSE(parse_features(out));
}

TEST_CASE("a transfer's log holds statistics and messages") {
    const auto stats = parse_log_line(R"({"level":"notice","stats":{"bytes":7,"transfers":2,"speed":1.5}})");
    REQUIRE(std::holds_alternative<TransferStats>(stats));
    CHECK(std::get<TransferStats>(stats).bytes == 7);
    CHECK(std::get<TransferStats>(stats).objects == 2);
    const auto text = [](const char* line) { return std::get<std::string>(parse_log_line(line)); };
    CHECK(text(R"({"level":"error","object":"a.wav","msg":"broken"})") == "ERROR : a.wav: broken\n");
    CHECK(text(R"({"level":"warning","msg":"slow"})") == "NOTICE: slow\n");
    CHECK(text("no JSON") == "no JSON\n");
    for (const std::string& bytes : std::vector<std::string>{R"("x")", "-1", "1.5", "1" + std::string(140, '0')}) {
        const auto line = R"({"stats":{"bytes":)" + bytes + R"(,"transfers":0,"speed":1}})";
        CHECK(text(line.c_str()) == line + "\n");
    }
}

TEST_CASE("the reason for a failure is the last line that is not a notice, without rclone's own names") {
    CHECK(failure_reason("2026/11/22 20:38:00 ERROR : first\n"
                         "2026/11/22 20:38:01 Failed to lsjson: error in ListJSON: directory not found\n"
                         "2026/11/22 20:38:02 NOTICE: done\n") == "directory not found");
    CHECK(failure_reason("").empty());
    CHECK(failure_reason(std::string(1000, 'x')).size() == 243);
}

TEST_CASE("the reason for a failure does not depend on how a version of rclone logs it") {
    // 1.60, then 1.75: the last words are a notice there, and fatal ones are critical.
    for (const char* err : {"2026/11/22 20:38:01 ERROR : Attempt 1/1 failed with 1 errors and: no such host\n"
                            "2026/11/22 20:38:01 Failed to copy: no such host\n",
                            "2026/11/22 20:38:01 ERROR : Attempt 1/1 failed with 1 errors and: no such host\n"
                            "2026/11/22 20:38:01 NOTICE: Failed to copy: no such host\n",
                            "2026/11/22 20:38:01 NOTICE: Failed to copy with 2 errors: last error was: no such host\n",
                            "2026/11/22 20:38:01 CRITICAL: Failed to lsjson: error in ListJSON: no such host\n",
                            "NOTICE: Failed to hashsum: no such host\nNOTICE: Time may be set wrong\n",
                            "2026/11/22 20:38:01 ERROR : Attempt 1/1 failed with 3 errors and: no such host\n"}) {
        INFO(err);
        CHECK(failure_reason(err) == "no such host");
    }
    CHECK(failure_reason("2026/11/22 20:38:01 CRITICAL: Failed to create file system for \"x:\": unknown\n") ==
          "unknown");
    CHECK(failure_reason("2026/11/22 20:38:01 NOTICE: Config file not found - using defaults\n").empty());
}

TEST_CASE("the reason for a failure does not name the remote or rclone's functions, and has no full stop") {
    CHECK(failure_reason("2026/11/22 20:38:01 Failed to create file system for \"x:a/b\": NewFs: failed to make FTP "
                         "connection to \"h:21\": 530 Login incorrect.\n") ==
          "failed to make FTP connection to \"h:21\": 530 Login incorrect");
    CHECK(
        failure_reason("2026/11/22 20:38:01 CRITICAL: Failed to create file system for \"x:\": NewFs: couldn't connect "
                       "SSH: ssh: handshake failed\n") == "ssh: handshake failed");
    CHECK(failure_reason("Failed to create file system for \"x:\n") == "create file system for \"x:");
    CHECK(failure_reason("Failed to cat: wait...\n") == "wait...");
}

TEST_CASE("a reason of two lines is read whole, also in a transfer's log") {
    CHECK(failure_reason(
              "2026/11/22 20:38:01 Failed to lsjson: Forbidden: Forbidden\n\tstatus code: 403, request id: 7\n") ==
          "Forbidden: Forbidden, status code: 403, request id: 7");
    const auto line = std::get<std::string>(
        parse_log_line(R"({"level":"error","object":"a.wav","msg":"Failed to copy: X: Y\n\tstatus code: 403"})"));
    CHECK(parse_object_errors(line).at("a.wav") == "Failed to copy: X: Y, status code: 403");
}

TEST_CASE("errors about single objects are read with their names") {
    const auto errors = parse_object_errors("2026/11/22 20:38:00 ERROR : a.wav: Failed to copy: no space\n"
                                            "2026/11/22 20:38:00 ERROR : without a name\n"
                                            "NOTICE: b.wav: nothing\n");
    CHECK(errors.size() == 1);
    CHECK(errors.at("a.wav") == "Failed to copy: no space");
}

TEST_CASE("forbidden, corrupted, full and unavailable are distinguished by the reason") {
    CHECK(exit_for_reason("googleapi: Error 403: x, forbidden") == Exit::no_permission);
    CHECK(exit_for_reason("googleapi: Error 403: Rate Limit Exceeded, userRateLimitExceeded") == Exit::unavailable);
    CHECK(exit_for_reason("open /x: permission denied") == Exit::no_permission);
    CHECK(exit_for_reason("corrupted on transfer: md5 hash differ") == Exit::data);
    CHECK(exit_for_reason("Object Corrupted") == Exit::data);
    for (const char* reason : {"SignatureDoesNotMatch: x, status code: 403, request id: 7", "x: status code: 401",
                               "operation error S3: HeadObject, https response error StatusCode: 403, RequestID: 7",
                               "InvalidAccessKeyId: x", "Authorization Failed", "Operation forbidden",
                               "ssh: handshake failed: ssh: unable to authenticate", "530 Login incorrect"})
        CHECK(exit_for_reason(reason) == Exit::no_permission);
    for (const char* reason : {"failed to authenticate decrypted block - bad password?",
                               "failed to open source object: not an encrypted file - bad magic string",
                               "file is too short to be encrypted", "file has truncated block header"})
        CHECK(exit_for_reason(reason) == Exit::data);
    CHECK(exit_for_reason("unexpected EOF") == Exit::unavailable);
    CHECK(exit_for_reason("write /x: no space left on device") == Exit::cant_create);
    CHECK(exit_for_reason("dial tcp: connection refused") == Exit::unavailable);
}

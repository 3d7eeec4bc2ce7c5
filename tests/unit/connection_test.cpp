// rclone paths with options, by the rules of rclone's own parser.
#include "base/error.hpp"
#include "catch.hpp"
#include "remote/connection.hpp"

#include <set>

using pbx::parse_connection;

namespace {

std::set<std::string> environment(const std::string& remote) {
    const auto parsed = parse_connection(remote);
    return {parsed.environment.begin(), parsed.environment.end()};
}

} // namespace

TEST_CASE("an rclone path without options is passed on as it is") {
    for (const std::string path :
         {"", "gcs:bucket/recordings", "/mnt/a,b:c", "./a,b:c", "plain,folder", ":local:/mnt/x,y:z", "gcs:b,c=d:e"}) {
        const auto parsed = parse_connection(path);
        CHECK(parsed.path == path);
        CHECK(parsed.shown == path);
        CHECK(parsed.environment.empty());
    }
}

TEST_CASE("the options of an inline remote go into variables of a remote with a generated name") {
    const auto parsed =
        parse_connection(R"(:s3,provider=AWS,env_auth,secret_access_key="a,b:""c""",x='it''s':bucket/p:q)");
    CHECK(parsed.path == "pbx_inline:bucket/p:q");
    CHECK(parsed.shown == ":s3,...:bucket/p:q");
    CHECK(std::set<std::string>{parsed.environment.begin(), parsed.environment.end()} ==
          std::set<std::string>{"RCLONE_CONFIG_PBX_INLINE_TYPE=s3", "RCLONE_CONFIG_PBX_INLINE_PROVIDER=AWS",
                                "RCLONE_CONFIG_PBX_INLINE_ENV_AUTH=true",
                                "RCLONE_CONFIG_PBX_INLINE_SECRET_ACCESS_KEY=a,b:\"c\"",
                                "RCLONE_CONFIG_PBX_INLINE_X=it's"});
}

TEST_CASE("options that override those of a configured remote go into variables of that remote") {
    CHECK(parse_connection("my-s3,no_check_bucket:b").path == "my-s3:b");
    CHECK(environment("my-s3,no_check_bucket:b") == std::set<std::string>{"RCLONE_CONFIG_MY-S3_NO_CHECK_BUCKET=true",
                                                                          "RCLONE_CONFIG_MY_S3_NO_CHECK_BUCKET=true"});
    CHECK(environment("a b,type=x:c") == std::set<std::string>{"RCLONE_CONFIG_A B_TYPE=x"});
}

TEST_CASE("options that cannot be read are refused without showing them") {
    for (const std::string path :
         {":s3,secret=pass,word word:b", ":s3,secret=\"pass:word", ":s3,secret=\"pass\"word:b", ":s3,:b",
          ":s3,=password:b", ":s3,pass word=x:b", "n\xc3\xa4me,secret=password:b", ":s3,secret=pass,word"})
        try {
            parse_connection(path);
            // Without a colon rclone takes the whole for a local path.
            CHECK(path.find(':', 1) == std::string::npos);
        } catch (const pbx::Error& error) {
            CHECK(error.status() == pbx::Exit::config);
            CHECK(std::string{error.what()}.find("pass") == std::string::npos);
        }
}

TEST_CASE("no option's value is shown in a message, not even those of a connection string within one") {
    const auto parsed = parse_connection(
        R"(:crypt,remote=":s3,secret_access_key=""se cret"",session_token=tok:b",password=obscured:x)");
    CHECK(without_hidden(R"(cannot make remote ":s3,secret_access_key=\"se cret\":b": obscured, tok)", parsed) ==
          R"(cannot make remote ":s3,secret_access_key=\"...\":b": ..., ...)");
    CHECK(without_hidden("\":s3,secret_access_key=\\\"se cret\\\",session_token=tok:b\"", parsed).find("se cret") ==
          std::string::npos);
}

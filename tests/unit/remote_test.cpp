// Names and paths that rclone reads.
#include "base/error.hpp"
#include "catch.hpp"
#include "remote/remote.hpp"

using pbx::Remote;
using pbx::remote_name_fault;

TEST_CASE("a name that rclone would rewrite is no name for the archive") {
    CHECK(remote_name_fault("20260418-144004-919944421125-queue-5001.wav").empty());
    CHECK(remote_name_fault("M\xc3\xbcller caf\xc3\xa9 (1).wav").empty());
    for (const std::string name : {"", "../x.wav", "a/b.wav", "-x.wav", ".x.wav", "a\nb.wav", "a\xff.wav",
                                   "a\xef\xbc\x8f.wav", "a\xe2\x90\x8a.wav", "a\xe2\x80\x9b.wav"}) {
        INFO(name);
        CHECK_FALSE(remote_name_fault(name).empty());
    }
}

TEST_CASE("a path that rclone would take for an option is a configuration error") {
    for (const char* path : {"", "--config=/x", "a\nb"}) {
        try {
            const Remote remote{path, "rclone"};
            FAIL("accepted " << path);
        } catch (const pbx::Error& error) {
            CHECK(error.status() == pbx::Exit::config);
        }
    }
}

TEST_CASE("messages name a remote without the parameters of its connection string") {
    CHECK(Remote{"gcs:bucket/recordings/", "rclone"}.display_path() == "gcs:bucket/recordings");
    CHECK(Remote{":webdav,url=\"http://x\",pass=secret:dir", "rclone"}.display_path().find("secret") ==
          std::string::npos);
}

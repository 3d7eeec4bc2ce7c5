// Which names only one node can give.
#include "archive/other_nodes.hpp"
#include "catch.hpp"

using pbx::archive::is_named_by;

TEST_CASE("a leg whose name ends with the node's name, or with that and a uniqueid, is that node's") {
    CHECK(is_named_by("20260418-144004-100-1001-a.wav", "a"));
    CHECK(is_named_by("20260418-144004-100-1001-pbx1.WAV", "pbx1"));
    CHECK(is_named_by("20260418-144004-100-1001-a-1776500000.1.wav", "a"));
    CHECK(is_named_by("20260418-144004-100-queue-5001-a-1776500000.42.wav", "a"));
}

TEST_CASE("a leg of another name can be any node's") {
    for (const auto* leg :
         {"20260418-144004-100-1001.wav", "20260418-144004-100-1001-b.wav", "20260418-144004-100-1001a.wav",
          "20260418-144004-100-1001-a.mp3", "20260418-144004-100-1001-a-1776500000.1-b.wav",
          "20260418-144004-100-1001-a-.1.wav", "20260418-144004-100-1001-a-1.wav",
          "20260418-144004-100-1001-a-b-1776500000.1.wav", "20260418-144004-100-1001-ba.wav", "a.wav", ".wav", ""})
        CHECK_FALSE(is_named_by(leg, "a"));
    CHECK_FALSE(is_named_by("20260418-144004-100-1001-a.wav", ""));
    CHECK_FALSE(is_named_by("20260418-144004-100-1001-.wav", ""));
    // An extension, or a queue, may have the number that is the node's name.
    CHECK_FALSE(is_named_by("20260418-144004-100-queue-5001.wav", "5001"));
}

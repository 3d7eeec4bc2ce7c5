// The line that shows how much of a piece of work is done.
#include "base/progress.hpp"
#include "catch.hpp"

using pbx::Progress;
using namespace std::chrono_literals;

TEST_CASE("the line shows what is known, and estimates the remaining time from the bytes") {
    CHECK(Progress::text({"uploading legs", "files", 12, 60, 3'100'000, 80'200'000, 1'200'000, 9s}) ==
          "uploading legs: 12 of 60 files, 3.1 of 80.2 MB, 1.2 MB/s, 1:05 left");
    CHECK(Progress::text({"fetching", "", 0, 0, 20'000, 60'000, 20'000, 1s}) ==
          "fetching: 20 of 60 kB, 20 kB/s, 0:02 left");
}

TEST_CASE("without a total of bytes the remaining time is estimated from the count") {
    CHECK(Progress::text({"stitching", "calls", 100, 400, 5'000'000, 0, 2'500'000, 1200s}) ==
          "stitching: 100 of 400 calls, 5.0 MB, 2.5 MB/s, 1:00:00 left");
    CHECK(Progress::text({"stitching", "calls", 100, 0, 0, 0, 0, 2s}) == "stitching: 100 calls");
}

TEST_CASE("no remaining time is shown before there is a basis for it, nor when everything is done") {
    CHECK(Progress::text({"uploading legs", "files", 0, 60, 0, 80'000'000, 0, 2s}) ==
          "uploading legs: 0 of 60 files, 0.0 of 80.0 MB");
    CHECK(Progress::text({"checking legs", "files", 60, 60, 8'000'000, 8'000'000, 1'000'000, 8s}) ==
          "checking legs: 60 of 60 files, 8.0 of 8.0 MB, 1.0 MB/s");
}

TEST_CASE("progress that is not shown counts nothing and leaves no line") {
    Progress progress{"stitching", "calls", false};
    progress.expect(3, 0);
    progress.add(1, 1);
    CHECK(Progress::youngest() == nullptr);
}

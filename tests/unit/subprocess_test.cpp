// Children: what they say, how they end, and that they end.
#include "base/error.hpp"
#include "base/subprocess.hpp"
#include "catch.hpp"

using namespace std::chrono_literals;
using pbx::Deadline;
using pbx::run_command;

TEST_CASE("a child's two streams and its status come back, and its environment is the given one") {
    const auto done =
        run_command({{"sh", "-c", "echo out $WORD; echo err >&2; exit 3"}, {"WORD=given", "PATH=/bin:/usr/bin"}, {}},
                    Deadline::after(10s));
    CHECK(done.status == 3);
    CHECK(done.out == "out given\n");
    CHECK(done.err == "err\n");
    CHECK_FALSE(done.timed_out);
}

TEST_CASE("a child that does not end is ended at the deadline, with all that it started") {
    const auto begin = Deadline::Clock::now();
    const auto done = run_command({{"sh", "-c", "trap '' TERM; sleep 60 & sleep 60"}, {"PATH=/bin:/usr/bin"}, {}},
                                  Deadline::after(100ms));
    CHECK(done.timed_out);
    CHECK(Deadline::Clock::now() - begin < 10s);
}

TEST_CASE("a program that is not there is told as such") {
    CHECK_THROWS_WITH(run_command({{"/nowhere/rclone"}, {}, {}}, Deadline::after(1s)),
                      "cannot run /nowhere/rclone: No such file or directory");
}

TEST_CASE("a sink that throws ends the child") {
    struct Enough {};
    const auto begin = Deadline::Clock::now();
    CHECK_THROWS_AS(run_command({{"sh", "-c", "echo x; sleep 60"}, {"PATH=/bin:/usr/bin"}, {}}, Deadline::after(30s),
                                [](std::string_view) { throw Enough{}; }),
                    Enough);
    CHECK(Deadline::Clock::now() - begin < 10s);
}

TEST_CASE("much output does not block") {
    std::size_t bytes = 0;
    const auto done = run_command({{"head", "-c", "10000000", "/dev/zero"}, {"PATH=/bin:/usr/bin"}, {}},
                                  Deadline::after(30s), [&](std::string_view data) { bytes += data.size(); });
    CHECK(done.status == 0);
    CHECK(bytes == 10'000'000);
}

// Child processes: their output, how they end, and that they end.
#include "base/error.hpp"
#include "base/subprocess.hpp"
#include "catch.hpp"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

using namespace std::chrono_literals;
using pbx::Deadline;
using pbx::run_command;

TEST_CASE("a child's two streams and its status are returned, and its environment is the given one") {
    const auto done =
        run_command({{"sh", "-c", "echo out $WORD; echo err >&2; exit 3"}, {"WORD=given", "PATH=/bin:/usr/bin"}, {}},
                    Deadline::after(10s));
    CHECK(done.status == 3);
    CHECK(done.out == "out given\n");
    CHECK(done.err == "err\n");
    CHECK_FALSE(done.timed_out);
}

TEST_CASE("a child gets the variables of our environment that are kept, and those that are set instead of ours") {
    ::setenv("PBX_TEST_KEPT", "kept", 1);
    ::setenv("PBX_TEST_DROPPED", "dropped", 1);
    ::setenv("PBX_TEST_SET", "ours", 1);
    const auto environment = pbx::child_environment(
        [](std::string_view name) { return name == "PBX_TEST_KEPT" || name == "PBX_TEST_SET"; }, {"PBX_TEST_SET=set"});
    CHECK(environment == std::vector<std::string>{"PBX_TEST_SET=set", "PBX_TEST_KEPT=kept"});
}

TEST_CASE("a child that does not end is killed at the deadline, with every process that it started") {
    const auto begin = Deadline::Clock::now();
    const auto done = run_command({{"sh", "-c", "trap '' TERM; sleep 60 & sleep 60"}, {"PATH=/bin:/usr/bin"}, {}},
                                  Deadline::after(100ms));
    CHECK(done.timed_out);
    CHECK(Deadline::Clock::now() - begin < 10s);
}

TEST_CASE("a child that never stops writing is killed at the deadline") {
    const auto begin = Deadline::Clock::now();
    const auto done = run_command({{"yes"}, {"PATH=/bin:/usr/bin"}, {}}, Deadline::after(100ms), [&](std::string_view) {
        REQUIRE(Deadline::Clock::now() - begin < 10s);
        std::this_thread::sleep_for(1ms); // slower than the child, so that the pipe is never empty
    });
    CHECK(done.timed_out);
    CHECK(Deadline::Clock::now() - begin < 10s);
}

TEST_CASE("a program that does not exist is reported as missing") {
    CHECK_THROWS_WITH(run_command({{"/nowhere/rclone"}, {}, {}}, Deadline::after(1s)),
                      "cannot run /nowhere/rclone: No such file or directory");
}

TEST_CASE("a sink that throws causes the child to be killed") {
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

TEST_CASE("processes that a child leaves running end with it, and have no descriptor of ours") {
    const int open = ::dup(0); // not marked to be closed
    const auto done = run_command(
        {{"sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!; exec ls /proc/self/fd"}, {"PATH=/bin:/usr/bin"}, {}},
        Deadline::after(10s));
    ::close(open);
    CHECK(done.status == 0);
    const auto left = std::stoi(done.out);
    // Its entry in the process table stays until its parent has waited for it.
    const auto ended = [&] {
        std::ifstream state{"/proc/" + std::to_string(left) + "/stat"};
        std::string number;
        std::string name;
        std::string word;
        return !(state >> number >> name >> word) || word == "Z";
    };
    for (int i = 0; i < 2000 && !ended(); ++i)
        std::this_thread::sleep_for(10ms);
    CHECK(ended());
    // The last one is the folder that ls reads.
    CHECK(done.out.substr(done.out.find('\n') + 1) == "0\n1\n2\n3\n");
}

TEST_CASE("a confined child cannot gain rights, leaves no core file, and is the account that was asked for") {
    const pbx::Identity account{::geteuid() == 0 ? 65534 : ::geteuid(), ::geteuid() == 0 ? 65534 : ::getegid()};
    const auto done = run_command(
        {{"sh", "-c", "id -u; ulimit -c; grep NoNewPrivs /proc/self/status; pwd"}, {"PATH=/bin:/usr/bin"}, {}, account},
        Deadline::after(10s));
    CHECK(done.out == std::to_string(account.user) + "\n0\nNoNewPrivs:\t1\n/\n");
}

TEST_CASE("a child that writes without end is killed, and only a bounded part of its output is kept") {
    pbx::Command endless{{"sh", "-c", "yes"}, {"PATH=/bin:/usr/bin"}, {}};
    endless.most_output = 100'000;
    const auto begin = Deadline::Clock::now();
    CHECK_THROWS_WITH(run_command(endless, Deadline::after(30s)),
                      "sh was ended: its answer is longer than 100000 bytes");
    CHECK(Deadline::Clock::now() - begin < 10s);
    endless.arguments = {"sh", "-c", "head -c 100000 /dev/zero"};
    CHECK(run_command(endless, Deadline::after(30s)).out.size() == 100'000);
}

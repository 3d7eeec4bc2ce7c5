// Work in a process of its own.
#include "base/apart.hpp"
#include "catch.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

using namespace std::chrono_literals;
using pbx::Apart;
using pbx::Deadline;

TEST_CASE("the result comes back, and what the work changed does not") {
    ::setenv("PBX_TEST_APART", "before", 1);
    Apart work{[] {
        ::setenv("PBX_TEST_APART", "after", 1);
        return std::string(20000, 'x') + std::getenv("PBX_TEST_APART");
    }};
    CHECK(work.result(Deadline::after(30s)) == std::string(20000, 'x') + "after");
    CHECK(std::getenv("PBX_TEST_APART") == std::string{"before"});
}

TEST_CASE("work that throws or dies has no result") {
    Apart throwing{[]() -> std::string { throw std::runtime_error{"no"}; }};
    CHECK_FALSE(throwing.result(Deadline::after(30s)));
    Apart dying{[]() -> std::string {
        ::raise(SIGKILL);
        return "";
    }};
    CHECK_FALSE(dying.result(Deadline::after(30s)));
}

TEST_CASE("work that hangs is given up at the deadline, and killed") {
    pid_t hanging = -1;
    {
        std::array<int, 2> ends{};
        REQUIRE(::pipe(ends.data()) == 0);
        Apart work{[&]() -> std::string {
            const auto id = ::getpid();
            [[maybe_unused]] const auto written = ::write(ends[1], &id, sizeof id);
            for (;;)
                ::pause();
        }};
        CHECK_FALSE(work.result(Deadline::after(50ms)));
        REQUIRE(::read(ends[0], &hanging, sizeof hanging) == sizeof hanging);
        CHECK(::kill(hanging, 0) == 0);
    }
    // Its parent, this process, has not waited for it: it may be a zombie, but it runs no more.
    while (::waitpid(hanging, nullptr, WNOHANG) == 0)
        ::usleep(1000);
    CHECK(::kill(hanging, 0) != 0);
}

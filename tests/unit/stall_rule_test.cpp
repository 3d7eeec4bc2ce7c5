// When a transfer is ended.
#include "base/fd.hpp"
#include "base/process_traffic.hpp"
#include "base/subprocess.hpp"
#include "catch.hpp"
#include "remote/stall_rule.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

using pbx::StallRule;
using namespace std::chrono_literals;

namespace {

constexpr StallRule::Time begin{};

// Two ends of a TCP connection on loopback, which takes little before it is read.
struct TcpPair {
    pbx::Fd writer, reader;

    TcpPair() {
        const pbx::Fd listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        const int small = 4096;
        ::setsockopt(listener.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const generic = reinterpret_cast<sockaddr*>(&address);
        writer = pbx::Fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        REQUIRE(::bind(listener.get(), generic, size) == 0);
        REQUIRE(::getsockname(listener.get(), generic, &size) == 0);
        REQUIRE(::listen(listener.get(), 1) == 0);
        REQUIRE(::connect(writer.get(), generic, size) == 0);
        reader = pbx::Fd{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        REQUIRE(reader);
    }
};

} // namespace

TEST_CASE("a transfer that moves nothing for a minute has stalled") {
    StallRule rule{begin, 480'000};
    CHECK_FALSE(rule.is_stalled(begin + 5s, {0, 100'000, 50'000}));
    CHECK_FALSE(rule.is_stalled(begin + 64s, {0, 101'000, 50'100}));
    CHECK(rule.is_stalled(begin + 66s, {0, 102'000, 50'200}));
}

TEST_CASE("a line of 5 kB per second is not hung, however long one object takes") {
    StallRule rule{begin, 4'800'000};
    for (int second = 5; second < 960; second += 5)
        REQUIRE_FALSE(rule.is_stalled(begin + std::chrono::seconds{second}, {0, 5'000 * second, 5'000 * second}));
}

TEST_CASE("an upload that the other side has taken three times without storing it has stalled") {
    StallRule rule{begin, 480'000};
    CHECK_FALSE(rule.is_stalled(begin + 5s, {0, 2'000'000, 1'900'000}));
    CHECK(rule.is_stalled(begin + 31s, {0, 2'100'000, 1'950'000}));
}

TEST_CASE("each object that arrives begins both rules again") {
    StallRule rule{begin, 480'000};
    CHECK_FALSE(rule.is_stalled(begin + 29s, {9, 4'500'000, 4'400'000}));
    CHECK_FALSE(rule.is_stalled(begin + 58s, {18, 9'000'000, 8'800'000}));
    CHECK_FALSE(rule.is_stalled(begin + 90s, {18, 9'400'000, 9'200'000}));
}

TEST_CASE("without the kernel's numbers, the slowest line has the time to carry what rclone has read") {
    StallRule rule{begin, 480'000};
    CHECK_FALSE(rule.is_stalled(begin + 5s, {0, 480'000, 0, false}));
    CHECK_FALSE(rule.is_stalled(begin + 155s, {0, 480'000, 0, false}));
    CHECK(rule.is_stalled(begin + 165s, {0, 480'000, 0, false}));
}

TEST_CASE("the kernel shows what a child process has written") {
    pbx::Command command{{"sh", "-c", "head -c 100000 /dev/zero | cat; printf done >&2; sleep 60"},
                         pbx::child_environment([](auto) { return true; }),
                         {}};
    pid_t child = -1;
    command.started = [&](pid_t id) { child = id; };
    struct Seen {};
    std::optional<pbx::ProcessTraffic> traffic;
    const auto look = [&](std::string_view) {
        traffic = pbx::traffic_of(child);
        throw Seen{};
    };
    CHECK_THROWS_AS(run_command(command, pbx::Deadline::after(10s), {}, look), Seen);
    REQUIRE(traffic);
    CHECK(traffic->written >= 4); // "done"; its own children's bytes count when it has waited for them
    CHECK_FALSE(pbx::traffic_of(child));
}

TEST_CASE("bytes that wait in the buffer of a socket have not been written") {
    const TcpPair pair;
    const auto before = pbx::traffic_of(::getpid());
    REQUIRE(before);
    const std::string data(60'000, 'x');
    REQUIRE(::write(pair.writer.get(), data.data(), data.size()) == 60'000);
    CHECK(pbx::traffic_of(::getpid())->written - before->written < 50'000);
    std::string got(data.size(), ' ');
    REQUIRE(::recv(pair.reader.get(), got.data(), got.size(), MSG_WAITALL) == 60'000);
    std::int64_t written = 0;
    for (const auto deadline = pbx::Deadline::after(10s); written < 60'000 && !deadline.passed();)
        written = pbx::traffic_of(::getpid())->written - before->written;
    CHECK(written >= 60'000);
}

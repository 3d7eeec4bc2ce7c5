// A timer signal that ends a process which hangs in a call that nothing else can interrupt.
#include "base/deadline.hpp"

#include "base/log.hpp"

#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>

namespace pbx {

namespace {

std::atomic<const char*> waiting_for{nullptr};
std::atomic<int> waiting_status{static_cast<int>(Exit::temporary)};
std::array<char, 128> watchdog_words{};

void give_up(int /*signal*/) {
    // Only calls that are safe in a signal handler.
    if (interrupt::signal() != 0)
        interrupt::end();
    const auto say = [](const char* text) {
        [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, std::strlen(text));
    };
    say(log::erasure());
    say(watchdog_words.data());
    if (const char* what = waiting_for.load()) {
        say(" while waiting for ");
        say(what);
    }
    say("\n");
    ::_exit(waiting_status.load());
}

} // namespace

void arm_watchdog(std::chrono::seconds timeout) {
    const auto words = fmt::format("{}: gave up after {} s (--timeout)", log::tool(), timeout.count());
    words.copy(watchdog_words.data(), watchdog_words.size() - 1);
    struct sigaction action {};
    action.sa_handler = give_up;
    ::sigaction(SIGALRM, &action, nullptr);
    // The work itself stops at the deadline; this is for calls that cannot check a clock.
    itimerval timer{};
    timer.it_value.tv_sec = timeout.count() + 3;
    ::setitimer(ITIMER_REAL, &timer, nullptr);
}

Exit watchdog_status() {
    return static_cast<Exit>(waiting_status.load());
}

WaitingFor::WaitingFor(const char* what, Exit status)
    : outer_what_{waiting_for.exchange(what)}, outer_status_{waiting_status.exchange(static_cast<int>(status))} {}

WaitingFor::~WaitingFor() {
    waiting_for = outer_what_;
    waiting_status = outer_status_;
}

} // namespace pbx

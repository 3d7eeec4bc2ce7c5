// The handler only records the signal, wakes poll(2) through an eventfd, and sets an alarm.
#include "base/interrupt.hpp"

#include "base/error.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>

namespace pbx::interrupt {

namespace {

constexpr unsigned grace = 3; // seconds
std::atomic<int> arrived{0};
int wake = -1;

void note(int number) {
    const int before_errno = errno;
    int none = 0;
    if (!arrived.compare_exchange_strong(none, number))
        end();
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake, &one, sizeof one);
    ::alarm(grace);
    errno = before_errno;
}

} // namespace

void watch() {
    wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct sigaction at_alarm {};
    at_alarm.sa_handler = [](int) { end(); };
    ::sigaction(SIGALRM, &at_alarm, nullptr);
    struct sigaction action {};
    action.sa_handler = note;
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction before {};
        if (::sigaction(number, nullptr, &before) == 0 && before.sa_handler != SIG_IGN)
            ::sigaction(number, &action, nullptr);
    }
}

int signal() {
    return arrived.load();
}

int descriptor() {
    return wake;
}

void check() {
    if (signal() != 0)
        throw Error{Exit::temporary, "interrupted"};
}

void sleep(std::chrono::milliseconds span) {
    pollfd woken{wake, POLLIN, 0};
    ::poll(&woken, 1, static_cast<int>(span.count()));
}

void end() {
    const int number = signal() != 0 ? signal() : SIGTERM;
    static_cast<void>(::signal(number, SIG_DFL));
    sigset_t none;
    ::sigemptyset(&none);
    ::sigaddset(&none, number);
    ::pthread_sigmask(SIG_UNBLOCK, &none, nullptr);
    static_cast<void>(::raise(number));
    ::_exit(128 + number);
}

} // namespace pbx::interrupt

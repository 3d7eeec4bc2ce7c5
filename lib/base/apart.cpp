// fork(2) without exec: the copy has everything that was set up before.
#include "base/apart.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <utility>

namespace pbx {

namespace {

[[noreturn]] void work_and_end(const std::function<std::string()>& work, int to, pid_t parent) {
    end_with_parent();
    if (::getppid() != parent)
        ::_exit(1);
    try {
        write_all(to, work(), "the result");
    } catch (const std::exception&) {
        ::_exit(1);
    }
    // Not exit(): what the parent has registered to run when it ends must run only in the parent.
    ::_exit(0);
}

} // namespace

void end_with_parent() {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
}

Apart::Apart(const std::function<std::string()>& work) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        throw system_error(Exit::temporary, "cannot create a pipe", errno);
    result_ = Fd{ends[0]};
    const Fd to{ends[1]};
    const auto parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0)
        throw system_error(Exit::temporary, "cannot start a process", errno,
                           "raise the limit on processes (ulimit -u), or try again");
    if (pid_ == 0)
        work_and_end(work, to.get(), parent);
}

Apart::Apart(Apart&& other) noexcept : pid_{std::exchange(other.pid_, -1)}, result_{std::move(other.result_)} {}

Apart::~Apart() {
    if (pid_ < 0)
        return;
    ::kill(pid_, SIGKILL);
    // A process that waits for a dead disk cannot be killed. It must not keep us waiting.
    ::waitpid(pid_, nullptr, WNOHANG);
}

std::optional<std::string> Apart::result(const Deadline& deadline) {
    std::string text;
    for (;;) {
        std::array<pollfd, 2> watched{{{result_.get(), POLLIN, 0}, {deadline.interrupt_descriptor(), POLLIN, 0}}};
        const auto patience = std::min(deadline.left(), std::chrono::milliseconds{60000});
        const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(patience.count()));
        if (watched[0].revents == 0 && deadline.passed())
            return std::nullopt;
        if (ready <= 0 || watched[0].revents == 0)
            continue;
        std::array<char, 4096> piece{};
        const auto got = ::read(result_.get(), piece.data(), piece.size());
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        text.append(piece.data(), static_cast<std::size_t>(got));
    }
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? std::optional{std::move(text)} : std::nullopt;
}

} // namespace pbx

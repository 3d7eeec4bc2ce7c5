// fork and exec by hand: posix_spawn knows neither PR_SET_PDEATHSIG nor a choice of inherited descriptors.
#include "base/subprocess.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <set>

extern char** environ; // NOLINT(readability-redundant-declaration): not every libc declares it

namespace pbx {

namespace {

struct Pipe {
    Fd read, write;
    Pipe() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0)
            throw system_error(Exit::temporary, "cannot make a pipe", errno);
        read = Fd{ends[0]};
        write = Fd{ends[1]};
    }
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
    std::vector<char*> result;
    result.reserve(strings.size() + 1);
    for (const auto& text : strings)
        result.push_back(
            const_cast<char*>(text.c_str())); // NOLINT(cppcoreguidelines-pro-type-const-cast): execve's C type
    result.push_back(nullptr);
    return result;
}

// Also those that whoever started us left open.
void close_on_exec() {
    constexpr unsigned first = 3;
    if (::syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    rlimit open_files{};
    ::getrlimit(RLIMIT_NOFILE, &open_files);
    for (rlim_t fd = first; fd < std::min<rlim_t>(open_files.rlim_cur, 65536); ++fd)
        ::fcntl(static_cast<int>(fd), F_SETFD, FD_CLOEXEC);
}

bool confine(const Identity& identity) {
    constexpr rlim_t mebibyte = 1U << 20U;
    constexpr std::array limits{std::pair{RLIMIT_CORE, rlim_t{0}}, std::pair{RLIMIT_FSIZE, 256 * mebibyte},
                                std::pair{RLIMIT_AS, 4096 * mebibyte}, std::pair{RLIMIT_NOFILE, rlim_t{4096}},
                                std::pair{RLIMIT_CPU, rlim_t{600}}};
    for (const auto& [resource, most] : limits) {
        rlimit limit{};
        ::getrlimit(resource, &limit);
        limit.rlim_max = std::min(limit.rlim_max, most);
        limit.rlim_cur = limit.rlim_max;
        if (::setrlimit(resource, &limit) != 0)
            return false;
    }
    if (::geteuid() == 0 &&
        (::setgroups(0, nullptr) != 0 || ::setresgid(identity.group, identity.group, identity.group) != 0 ||
         ::setresuid(identity.user, identity.user, identity.user) != 0))
        return false;
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::chdir("/") == 0;
}

[[noreturn]] void fail(int trouble) {
    const int why = errno;
    [[maybe_unused]] const auto written = ::write(trouble, &why, sizeof why);
    ::_exit(127);
}

// The child's side, between fork and exec: only calls that are safe after a fork of a threaded process.
[[noreturn]] void become(char* const* arguments, char* const* environment, const Command& command, int out, int err,
                         int trouble, pid_t parent) {
    ::setsid();
    if (command.confined && !confine(*command.confined))
        fail(trouble);
    // Only now: a change of the user takes it away.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent)
        ::_exit(127);
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    for (const int signal : {SIGPIPE, SIGALRM, SIGIO, SIGTERM, SIGINT, SIGHUP})
        ::sigaction(signal, &standard, nullptr);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int empty = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(empty, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    close_on_exec();
    for (const int fd : command.inherited)
        ::fcntl(fd, F_SETFD, 0);
    ::execvpe(arguments[0], arguments, environment);
    fail(trouble);
}

class Child {
  public:
    Child(const Command& command, int out, int err) : program_{command.arguments.at(0)} {
        const auto arguments = pointers(command.arguments);
        const auto environment = pointers(command.environment);
        Pipe trouble;
        const pid_t parent = ::getpid();
        pid_ = ::fork();
        if (pid_ < 0)
            throw system_error(Exit::temporary, "cannot start " + program_, errno);
        if (pid_ == 0)
            become(arguments.data(), environment.data(), command, out, err, trouble.write.get(), parent);
        trouble.write.reset();
        int why = 0;
        ssize_t got = 0;
        do
            got = ::read(trouble.read.get(), &why, sizeof why);
        while (got < 0 && errno == EINTR);
        if (got == sizeof why) {
            wait();
            throw system_error(Exit::unavailable, "cannot run " + program_, why,
                               "install it, or name another with the flag or variable that the manual page gives");
        }
        exited_ = Fd{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};
        if (!exited_) {
            const int reason = errno;
            end();
            throw system_error(Exit::temporary, "cannot watch " + program_, reason);
        }
    }
    ~Child() {
        if (pid_ > 0)
            end();
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    int exited() const { return exited_.get(); }

    void signal(int number) const {
        if (pid_ > 0)
            ::kill(-pid_, number);
    }

    int wait() {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }

    // The whole group: a wrapper script's own children must not live on either.
    int end() {
        signal(SIGKILL);
        return wait();
    }

  private:
    std::string program_;
    pid_t pid_ = -1;
    Fd exited_;
};

} // namespace

std::vector<std::string> child_environment(const std::function<bool(std::string_view)>& keep,
                                           std::vector<std::string> set) {
    const auto name_of = [](std::string_view entry) { return entry.substr(0, entry.find('=')); };
    std::set<std::string, std::less<>> taken;
    for (const auto& entry : set)
        taken.emplace(name_of(entry));
    for (char** entry = environ; *entry != nullptr; ++entry)
        if (const auto name = name_of(*entry); keep(name) && !taken.contains(name))
            set.emplace_back(*entry);
    return set;
}

void keep_tail(std::string& text, std::string_view more) {
    constexpr std::size_t most = 65536;
    text += more;
    if (text.size() > 2 * most)
        text.erase(0, text.size() - most);
}

Finished run_command(const Command& command, const Deadline& deadline, const Sink& out, const Sink& err) {
    Pipe out_pipe;
    Pipe err_pipe;
    Child child{command, out_pipe.write.get(), err_pipe.write.get()};
    out_pipe.write.reset();
    err_pipe.write.reset();

    Finished result;
    std::vector<char> buffer(1U << 17U);
    constexpr auto grace = std::chrono::seconds{2};
    auto limit = deadline;
    bool exited = false;
    // A grandchild may keep the pipes open: after the child's own end only what is there already is read.
    while (out_pipe.read || err_pipe.read) {
        std::array<pollfd, 4> watched{{{out_pipe.read.get(), POLLIN, 0},
                                       {err_pipe.read.get(), POLLIN, 0},
                                       {exited ? -1 : child.exited(), POLLIN, 0},
                                       {exited ? -1 : limit.interrupt_descriptor(), POLLIN, 0}}};
        const auto patience =
            exited ? std::chrono::milliseconds{0} : std::min(limit.left(), std::chrono::milliseconds{60000});
        const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(patience.count()));
        if (ready < 0 && errno != EINTR)
            throw system_error(Exit::software, "cannot poll", errno);
        if (ready == 0 && exited)
            break;
        // A child that never stops writing must end at the deadline too.
        if (ready <= 0 || (!exited && limit.passed())) {
            if (!limit.passed())
                continue;
            child.signal(result.timed_out ? SIGKILL : SIGTERM);
            if (result.timed_out)
                break;
            result.timed_out = true;
            limit = Deadline::after(grace);
            continue;
        }
        const auto drain = [&](Fd& from, const pollfd& state, const Sink& sink, std::string& text, bool whole) {
            if ((state.revents & (POLLIN | POLLHUP | POLLERR)) == 0)
                return;
            const auto got = ::read(from.get(), buffer.data(), buffer.size());
            if (got < 0 && (errno == EINTR || errno == EAGAIN))
                return;
            if (got <= 0) {
                from.reset();
                return;
            }
            const std::string_view data{buffer.data(), static_cast<std::size_t>(got)};
            if (sink)
                sink(data);
            else if (whole && data.size() > command.most_output - text.size())
                throw Error{Exit::unavailable,
                            command.arguments.front() + " was ended: its answer is longer than " +
                                std::to_string(command.most_output) + " bytes",
                            "see what kind of program that is; the right one answers in a few lines"};
            else if (whole)
                text += data;
            if (!whole)
                keep_tail(text, data);
        };
        drain(out_pipe.read, watched[0], out, result.out, true);
        drain(err_pipe.read, watched[1], err, result.err, false);
        if (watched[2].revents != 0)
            exited = true;
    }
    // Its pipes are closed; the process itself may still hang.
    pollfd end{child.exited(), POLLIN, 0};
    while (!exited && !result.timed_out) {
        exited = ::poll(&end, 1, static_cast<int>(std::min<std::int64_t>(limit.left().count(), 60000))) > 0;
        result.timed_out = !exited && limit.passed();
    }
    // Of a child that has ended, only what it left running is killed; its status stays.
    result.status = child.end();
    if (result.timed_out && deadline.interrupted())
        interrupt::check();
    return result;
}

} // namespace pbx

// fork and exec by hand: posix_spawn supports neither PR_SET_PDEATHSIG nor a choice of inherited descriptors.
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
#include <span>

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

// Includes descriptors that our parent process left open.
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
    // Only now, because changing the user clears it.
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
                               "install it, or set its path with the flag or variable in the manual page");
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
    pid_t id() const { return pid_; }

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

    // Kills the whole group, so that the children of a wrapper script end too.
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

namespace {

/// One of the child's two outputs, and where it goes.
struct Stream {
    Fd from;
    const Sink& sink;
    std::string& text;
    bool whole; ///< all of it is kept, up to the command's limit; otherwise its tail
};

void keep_whole(const Command& command, std::string& text, std::string_view more) {
    if (more.size() > command.most_output - text.size())
        throw Error{Exit::unavailable,
                    command.arguments.front() + " was ended: its answer is longer than " +
                        std::to_string(command.most_output) + " bytes",
                    "check that it is the right program, which answers in a few lines"};
    text += more;
}

/// Reads once what poll(2) has announced; closes the stream at its end.
void drain(Stream& stream, const pollfd& state, const Command& command, std::span<char> buffer) {
    if ((state.revents & (POLLIN | POLLHUP | POLLERR)) == 0)
        return;
    const auto got = ::read(stream.from.get(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        stream.from.reset();
        return;
    }
    const std::string_view data{buffer.data(), static_cast<std::size_t>(got)};
    if (stream.sink)
        stream.sink(data);
    else if (stream.whole)
        keep_whole(command, stream.text, data);
    if (!stream.whole)
        keep_tail(stream.text, data);
}

/// At the deadline a child is asked to end; it has a grace period to do so.
class TimeLimit {
  public:
    explicit TimeLimit(const Deadline& deadline) : limit_{deadline} {}

    const Deadline& limit() const { return limit_; }
    bool expired() const { return expired_; }
    void expire() { expired_ = true; }

    /// Asks the child to end, and returns true. Returns false when the grace period is over too: kill the child then.
    bool ask_to_end(const Child& child) {
        constexpr auto grace = std::chrono::seconds{2};
        if (expired_)
            return false;
        child.signal(SIGTERM);
        expired_ = true;
        limit_ = Deadline::after(grace);
        return true;
    }

  private:
    Deadline limit_;
    bool expired_ = false;
};

/// Reads both streams until they end, the child has ended and left nothing in them, or its time is up. Returns whether
/// the child has ended.
bool read_streams(const Command& command, const Child& child, TimeLimit& time, Stream& out, Stream& err) {
    std::vector<char> buffer(1U << 17U);
    bool exited = false;
    // A grandchild may keep the pipes open, so after the child ends only data that is already there is read.
    while (out.from || err.from) {
        std::array<pollfd, 4> watched{{{out.from.get(), POLLIN, 0},
                                       {err.from.get(), POLLIN, 0},
                                       {exited ? -1 : child.exited(), POLLIN, 0},
                                       {exited ? -1 : time.limit().interrupt_descriptor(), POLLIN, 0}}};
        const auto patience =
            exited ? std::chrono::milliseconds{0} : std::min(time.limit().left(), std::chrono::milliseconds{60000});
        const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(patience.count()));
        if (ready < 0 && errno != EINTR)
            throw system_error(Exit::software, "cannot poll", errno);
        if (ready == 0 && exited)
            break;
        // A child that never stops writing must end at the deadline too.
        if (!exited && time.limit().passed()) {
            if (!time.ask_to_end(child))
                break;
            continue;
        }
        if (ready <= 0)
            continue;
        drain(out, watched[0], command, buffer);
        drain(err, watched[1], command, buffer);
        exited = exited || watched[2].revents != 0;
    }
    return exited;
}

} // namespace

Finished run_command(const Command& command, const Deadline& deadline, const Sink& out, const Sink& err) {
    Pipe out_pipe;
    Pipe err_pipe;
    Child child{command, out_pipe.write.get(), err_pipe.write.get()};
    out_pipe.write.reset();
    err_pipe.write.reset();
    if (command.started)
        command.started(child.id());

    Finished result;
    Stream out_stream{std::move(out_pipe.read), out, result.out, true};
    Stream err_stream{std::move(err_pipe.read), err, result.err, false};
    TimeLimit time{deadline};
    bool exited = read_streams(command, child, time, out_stream, err_stream);
    // Its pipes are closed; the process itself may still hang.
    pollfd end{child.exited(), POLLIN, 0};
    while (!exited && !time.expired()) {
        exited = ::poll(&end, 1, static_cast<int>(std::min<std::int64_t>(time.limit().left().count(), 60000))) > 0;
        if (!exited && time.limit().passed())
            time.expire();
    }
    // If the child has ended, this kills only what it left running; its status is kept.
    result.status = child.end();
    result.timed_out = time.expired();
    if (result.timed_out && deadline.interrupted())
        interrupt::check();
    return result;
}

} // namespace pbx

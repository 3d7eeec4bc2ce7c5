// The pager's command is split at blanks; no shell reads it. less gets git's options: F ends it when all fits on one
// screen, R shows our colours, X leaves the text on the screen.
#include "base/pager.hpp"

#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/output.hpp"
#include "base/terminal.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace pbx::pager {

namespace {

bool is_allowed = false;
pid_t running = -1;
Fd own_stdout;
Fd own_stderr; // nothing when it does not go through the pager

std::vector<std::string> words_of(const std::string& text) {
    std::istringstream stream{text};
    std::vector<std::string> words;
    for (std::string word; stream >> word;)
        words.push_back(word);
    return words;
}

// The first of these variables that is set decides, also when it is empty.
std::vector<std::string> command() {
    for (const char* name : {"PBX_PAGER", "PAGER"})
        if (const char* value = std::getenv(name))
            return words_of(value);
    return {"less"};
}

bool terminal_can_page() {
    const char* kind = std::getenv("TERM");
    return stdout_is_terminal() && kind != nullptr && *kind != '\0' && std::strcmp(kind, "dumb") != 0;
}

bool is_wanted(const std::vector<std::string>& command) {
    return is_allowed && terminal_can_page() && !command.empty() && command != std::vector<std::string>{"cat"};
}

// Signals that we ignore must not be ignored by the pager, which ends when its terminal is gone.
class SpawnSettings {
  public:
    explicit SpawnSettings(int standard_input) {
        ::posix_spawn_file_actions_init(&actions_);
        ::posix_spawn_file_actions_adddup2(&actions_, standard_input, STDIN_FILENO);
        ::posix_spawnattr_init(&attributes_);
        sigset_t all{};
        ::sigfillset(&all);
        ::posix_spawnattr_setsigdefault(&attributes_, &all);
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
    ~SpawnSettings() {
        ::posix_spawn_file_actions_destroy(&actions_);
        ::posix_spawnattr_destroy(&attributes_);
    }

    const posix_spawn_file_actions_t* actions() const { return &actions_; }
    const posix_spawnattr_t* attributes() const { return &attributes_; }

  private:
    posix_spawn_file_actions_t actions_{};
    posix_spawnattr_t attributes_{};
};

bool start(std::vector<std::string>& words, int standard_input) {
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (auto& word : words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::setenv("LESS", "FRX", 0);
    // A person who may use the tools as another user must not get that user's shell out of less.
    if (::geteuid() == 0 || std::getenv("SUDO_UID") != nullptr)
        ::setenv("LESSSECURE", "1", 1);
    const SpawnSettings settings{standard_input};
    pid_t child = -1;
    const int failed =
        ::posix_spawnp(&child, arguments.front(), settings.actions(), settings.attributes(), arguments.data(), environ);
    running = failed == 0 ? child : -1;
    return failed == 0;
}

void write_into(int pipe) {
    own_stdout = Fd{::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)};
    ::dup2(pipe, STDOUT_FILENO);
    if (::isatty(STDERR_FILENO) == 1) {
        own_stderr = Fd{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)};
        ::dup2(pipe, STDERR_FILENO);
    }
    const itimerval none{};
    ::setitimer(ITIMER_REAL, &none, nullptr); // the watchdog's
}

} // namespace

void allow(bool allowed) {
    is_allowed = allowed;
}

void begin() {
    auto words = command();
    if (running > 0 || !is_wanted(words))
        return;
    static_cast<void>(stdout_width()); // the pipe has none
    output::flush();
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        return;
    const Fd reading{ends[0]};
    const Fd writing{ends[1]};
    // Ctrl-C is left to the pager: if it ended this process, the pager would stay alone on the terminal.
    auto* const handler = ::signal(SIGINT, SIG_IGN);
    if (start(words, reading.get())) {
        write_into(writing.get());
        return;
    }
    static_cast<void>(::signal(SIGINT, handler));
    log::note("cannot start the pager {}", words.front());
}

Report::Report() {
    if (running > 0 || !is_wanted(command()))
        return;
    static_cast<void>(stdout_width()); // the file has none
    output::flush();
    waiting_ = nameless_file();
    own_stdout_ = Fd{::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)};
    if (!own_stdout_ || ::dup2(waiting_.get(), STDOUT_FILENO) < 0)
        throw system_error(Exit::io, "cannot prepare the pager", errno);
}

Report::~Report() {
    try {
        restore_stdout();
    } catch (const std::exception&) { // the error that ended the report is the one to print
    }
}

void Report::restore_stdout() {
    if (!own_stdout_)
        return;
    const Fd own = std::exchange(own_stdout_, Fd{});
    output::flush();
    ::dup2(own.get(), STDOUT_FILENO);
}

void Report::show() {
    restore_stdout();
    begin();
    if (waiting_)
        copy_bytes(waiting_.get(), 0, size_of(waiting_.get(), "the report"), STDOUT_FILENO, "the report");
}

void end() {
    if (running <= 0)
        return;
    // The pager sees the end when nobody has the pipe open any more.
    ::dup2(own_stdout.get(), STDOUT_FILENO);
    if (own_stderr)
        ::dup2(own_stderr.get(), STDERR_FILENO);
    int status = 0;
    while (::waitpid(running, &status, 0) < 0 && errno == EINTR)
        continue;
    running = -1;
}

} // namespace pbx::pager

// Asterisk's end of the protocol is netconsole() in its main/asterisk.c, which is the same in 16 and 22.
// Commands end with a zero byte. Asterisk marks no end of an answer, so each command is followed by one that does not
// exist, and whose name nobody can guess: the answer is what precedes the complaint about it.
#include "deploy/console_session.hpp"

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "deploy/asterisk_listings.hpp"
#include "dialplan/conf_lines.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace pbx::deploy {

namespace {

using namespace std::chrono_literals;

// Asterisk reads a command, and the mark behind it, into 512 bytes.
constexpr std::size_t longest_command = 400;
constexpr std::size_t most_output = 64U << 20U;
constexpr auto longest_answer = 60s;

// asterisk.conf can give the socket another name.
std::string socket_name(const std::filesystem::path& folder) {
    std::string name = "asterisk.ctl";
    std::error_code ignored;
    if (std::filesystem::exists(folder / "asterisk.conf", ignored))
        dialplan::for_each_conf_line(read_file(folder / "asterisk.conf"), [&](const dialplan::ConfLine& line) {
            if (auto setting = dialplan::setting_of(line.code); setting.key == "astctl" && !setting.value.empty())
                name = std::move(setting.value);
        });
    return name;
}

std::string find_socket(const Console& console, const Deadline& deadline, const std::string& hint) {
    const auto settings = ask_console(console, "core show settings", deadline, hint);
    const std::filesystem::path folder = setting_shown(settings, "Run/Sockets directory");
    if (!folder.is_absolute())
        throw Error{Exit::unavailable, "asterisk -rx \"core show settings\" does not name the folder of its socket",
                    hint};
    return folder / socket_name(console.folder);
}

Fd connect_to(const std::string& path, const std::string& hint) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        throw Error{Exit::unavailable, "the path of Asterisk's socket is too long: " + path, hint};
    path.copy(address.sun_path, path.size());
    Fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw system_error(Exit::unavailable, "cannot connect to Asterisk at " + path, errno, hint);
    return socket;
}

} // namespace

ConsoleSession::ConsoleSession(const Console& console, const Deadline& deadline, std::string hint)
    : deadline_{deadline}, hint_{std::move(hint)}, socket_{connect_to(find_socket(console, deadline, hint_), hint_)} {
    receive_until("\n"); // the machine's name, and Asterisk's version
}

std::string ConsoleSession::ask(const std::string& command) const {
    if (command.size() > longest_command)
        throw Error{Exit::temporary, "a command is too long for Asterisk's console: " + command};
    const auto mark = "end-" + random_text("0123456789abcdef", 16);
    const auto text = command + '\0' + mark + '\0';
    if (::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
        throw system_error(Exit::unavailable, "cannot write to Asterisk's socket", errno, hint_);
    auto answer = receive_until(fmt::format("No such command '{}'", mark));
    log::note("asterisk: {}", command);
    if (answer.starts_with("You don't have permissions to run"))
        throw Error{Exit::no_permission, fmt::format("Asterisk does not allow this user the command \"{}\"", command),
                    "see cli_permissions.conf"};
    return answer;
}

// What precedes the mark. The line that has it is the last one.
std::string ConsoleSession::receive_until(const std::string& mark) const {
    std::string text;
    auto found = std::string::npos;
    while (found == std::string::npos || text.back() != '\n') {
        wait_for_answer();
        std::array<char, 1U << 14U> buffer{};
        const auto size = ::read(socket_.get(), buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0 || text.size() > most_output)
            throw Error{Exit::unavailable, "Asterisk does not end its answer", hint_};
        const auto searched = text.size() - std::min(text.size(), mark.size());
        text.append(buffer.data(), static_cast<std::size_t>(size));
        if (found == std::string::npos)
            found = text.find(mark, searched);
    }
    text.resize(found);
    return text;
}

void ConsoleSession::wait_for_answer() const {
    const auto limit = deadline_.at_most(longest_answer);
    for (;;) {
        std::array<pollfd, 2> watched{{{socket_.get(), POLLIN, 0}, {limit.interrupt_descriptor(), POLLIN, 0}}};
        const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(limit.left().count()));
        interrupt::check();
        if (watched[0].revents != 0)
            return;
        if (ready < 0 && errno != EINTR)
            throw system_error(Exit::software, "cannot poll", errno);
        if (limit.passed())
            throw Error{Exit::unavailable, "Asterisk does not answer", hint_};
    }
}

} // namespace pbx::deploy

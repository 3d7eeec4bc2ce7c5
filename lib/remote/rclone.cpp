// rclone 1.60 to 1.7x, steered by explicit arguments only.
#include "remote/rclone.hpp"

#include "base/fd.hpp"
#include "base/lines.hpp"
#include "base/progress.hpp"
#include "remote/rclone_output.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

namespace pbx {

namespace {

using namespace std::chrono_literals;

// rclone retries an upload that a server answers with 503, whatever its own time limits.
constexpr auto longest_standstill = 60s;

// RCLONE_DRY_RUN, RCLONE_IMMUTABLE and the like would change what our arguments mean. rclone gets the variables that
// name its configuration, that decrypt it, and that define remotes (RCLONE_CONFIG_NAME_OPTION), but not the database's
// password.
bool is_for_rclone(std::string_view variable) {
    if (variable == "RCLONE_CONFIG" || variable == "RCLONE_PASSWORD_COMMAND" || variable.starts_with("RCLONE_CONFIG_"))
        return true;
    return !variable.starts_with("RCLONE_") && !variable.starts_with("PG") && !variable.starts_with("PBX_");
}

std::string replace_all(std::string text, const std::string& what, const std::string& with) {
    if (what.empty() || what == with)
        return text;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
    return text;
}

// Names for --files-from-raw, in memory: rclone reads them through the descriptor that it inherits.
class NameList {
  public:
    explicit NameList(const std::vector<std::string>& names) : fd_{::memfd_create("names", MFD_CLOEXEC)} {
        if (!fd_)
            throw system_error(Exit::temporary, "cannot create a list of names", errno);
        std::string text;
        for (const auto& name : names)
            text += name + "\n";
        write_all(fd_.get(), text, "a list of names");
    }
    int fd() const { return fd_.get(); }
    std::string path() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }

  private:
    Fd fd_;
};

struct TransferStalled {};

// Reads what rclone logs with --use-json-log --stats: numbers go to the progress line, the rest is kept as text.
class TransferLog {
  public:
    /// Throws TransferStalled when no byte has moved for too long.
    void add(std::string_view err) {
        rest_ += err;
        const auto complete = take_complete_lines(rest_);
        for (const auto line : Lines{complete})
            add_line(line);
        if (rest_.size() > rclone_output::longest_line)
            add_line(std::exchange(rest_, {}));
        if (standstill_ends_.passed())
            throw TransferStalled{};
    }

    std::string text() && { return std::move(text_) + rest_; }

  private:
    void add_line(std::string_view line) {
        const auto parsed = rclone_output::parse_log_line(line);
        if (const auto* text = std::get_if<std::string>(&parsed))
            return keep_tail(text_, *text);
        const auto& stats = std::get<rclone_output::TransferStats>(parsed);
        if (stats.bytes != bytes_) {
            bytes_ = stats.bytes;
            standstill_ends_ = Deadline::after(longest_standstill);
        }
        if (auto* progress = Progress::youngest())
            progress->under_way(stats.objects, stats.bytes, stats.bytes_per_second);
    }

    std::string rest_;
    std::string text_;
    std::uint64_t bytes_ = 0;
    Deadline standstill_ends_ = Deadline::after(longest_standstill);
};

const char* hint_for(Exit status, const std::string& reason) {
    if (status == Exit::no_permission)
        return "grant the remote's account the rights to list, read and write objects there";
    if (status == Exit::cant_create)
        return "free space there, then run it again";
    if (reason.find("didn't find section in config file") != std::string::npos)
        return "name a remote that rclone knows (run rclone listremotes as the same user), or set RCLONE_CONFIG to "
               "its configuration file";
    if (reason.find("RCLONE_CONFIG_PASS") != std::string::npos)
        return "rclone's configuration is encrypted: set RCLONE_CONFIG_PASS or RCLONE_PASSWORD_COMMAND";
    return "try again later; if it fails again, run rclone itself with the same path";
}

} // namespace

Rclone::Rclone(const std::string& path, std::string program, int lock)
    : connection_{parse_connection(path)}, program_{std::move(program)}, lock_{lock} {
    for (auto* text : {&connection_.path, &connection_.shown})
        while (text->size() > 1 && text->back() == '/')
            text->pop_back();
    if (path.empty() || path.front() == '-' || path.find_first_of(std::string_view{"\n\0", 2}) != std::string::npos)
        throw Error{Exit::config, "\"" + connection_.shown + "\" is not an rclone path",
                    "set --remote or PBX_REMOTE to something like gcs:bucket/recordings"};
}

Finished Rclone::run_child(const RcloneCommand& command, const Deadline& deadline, const Sink& out,
                           const Sink& err) const {
    std::vector<std::string> arguments{program_};
    arguments.insert(arguments.end(), command.arguments.begin(), command.arguments.end());
    auto inherited = command.inherited;
    std::optional<NameList> list;
    if (command.names) {
        list.emplace(*command.names);
        inherited.push_back(list->fd());
        arguments.push_back("--files-from-raw=" + list->path());
        // rclone before 1.63 hangs when a list has over twice as many names as there are checkers, and errors.
        arguments.push_back("--checkers=" + std::to_string(std::max<std::size_t>(8, command.names->size() / 2 + 1)));
    }
    arguments.insert(arguments.end(), command.paths.begin(), command.paths.end());
    // One attempt: a second one that finds nothing left to do would end with 0. We look for what was missed ourselves.
    for (const char* flag : {"--retries=1", "--low-level-retries=3", "--contimeout=5s", "--timeout=30s",
                             "--ask-password=false", "--no-traverse"})
        arguments.emplace_back(flag);
    if (lock_ >= 0)
        inherited.push_back(lock_);
    const WaitingFor waiting{"the remote", Exit::unavailable};
    Command child{std::move(arguments), child_environment(is_for_rclone, connection_.environment),
                  std::move(inherited)};
    child.most_output = command.most_output;
    return run_command(child, deadline, out, err);
}

Finished Rclone::run(const RcloneCommand& command, const Deadline& deadline, const Sink& out) const {
    return run_child(command, deadline, out, {});
}

Finished Rclone::run_transfer(RcloneCommand command, const Deadline& deadline) const {
    for (const char* flag : {"--buffer-size=1M", "--transfers=8", "--use-json-log", "--stats-one-line",
                             "--stats-log-level=NOTICE", Progress::wanted() ? "--stats=500ms" : "--stats=5s"})
        command.arguments.emplace_back(flag);
    TransferLog log;
    try {
        auto finished = run_child(command, deadline, {}, [&](std::string_view err) { log.add(err); });
        finished.err = std::move(log).text();
        return finished;
    } catch (const TransferStalled&) {
        Finished ended;
        ended.timed_out = true;
        return ended;
    }
}

Error Rclone::failure(Exit status, const std::string& action, const std::string& reason) const {
    return {status, "remote " + display_path() + ": cannot " + action + ": " + reason, hint_for(status, reason)};
}

Error Rclone::failure(const std::string& action, const Finished& finished) const {
    if (finished.timed_out)
        return failure(Exit::unavailable, action, "no answer in time");
    const auto err = replace_all(finished.err, connection_.path, connection_.shown);
    const auto reason = rclone_output::failure_reason(without_hidden(err, connection_));
    if (reason.empty())
        return failure(Exit::unavailable, action, "rclone ended with status " + std::to_string(finished.status));
    return failure(rclone_output::exit_for_reason(reason), action, reason);
}

} // namespace pbx

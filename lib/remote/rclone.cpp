// rclone 1.60 to 1.7x, steered by explicit arguments only.
#include "remote/rclone.hpp"

#include "base/fd.hpp"
#include "base/progress.hpp"
#include "remote/pace.hpp"
#include "remote/rclone_output.hpp"
#include "remote/transfer_log.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

namespace pbx {

namespace {

// How long rclone itself waits for a connection that moves nothing. A thin line needs a quarter of an hour to carry
// what the buffer of a socket holds (4 MB), and rclone waits for the answer all that time. StallRule ends what is hung.
constexpr std::chrono::seconds usual_patience{30};
constexpr std::chrono::seconds patience_of_uploads{900};

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
    // After an upload over FTP rclone looks for the file in the folder's listing.
    if (reason.find("update getinfo: object not found") != std::string::npos)
        return "let the server list names that begin with a dot; for vsftpd, set force_dot_files=YES";
    return "try again later; if it fails again, run rclone itself with the same path";
}

} // namespace

std::chrono::seconds time_for_answers(std::size_t names) {
    constexpr std::uint64_t answer = 2'000; // bytes, with a request and its headers
    return std::chrono::seconds{names * answer / slowest_line};
}

Rclone::Rclone(const std::string& path, std::string program, int lock, std::string bandwidth)
    : connection_{parse_connection(path)}, program_{std::move(program)}, lock_{lock}, bandwidth_{std::move(bandwidth)} {
    for (auto* text : {&connection_.path, &connection_.shown})
        while (text->size() > 1 && text->back() == '/')
            text->pop_back();
    if (path.empty() || path.front() == '-' || path.find_first_of(std::string_view{"\n\0", 2}) != std::string::npos)
        throw Error{Exit::config, "\"" + connection_.shown + "\" is not an rclone path",
                    "set --remote or PBX_REMOTE to something like gcs:bucket/recordings"};
}

Finished Rclone::run_child(const RcloneCommand& command, const Deadline& deadline, const Streams& streams) const {
    std::vector<std::string> arguments{program_};
    arguments.insert(arguments.end(), command.arguments.begin(), command.arguments.end());
    auto inherited = command.inherited;
    std::optional<NameList> list;
    if (command.names) {
        list.emplace(*command.names);
        inherited.push_back(list->fd());
        arguments.push_back("--files-from-raw=" + list->path());
        // rclone before 1.63 hangs when a list has over twice as many names as there are checkers, and errors.
        arguments.push_back("--checkers=" +
                            std::to_string(std::max(command.least_checkers, command.names->size() / 2 + 1)));
    }
    // Without the slash rclone asks S3 whether the path is an object. When both that question and a listing are
    // refused, 1.75 takes it for one, and the status is no longer that of a refusal.
    for (const auto& path : command.paths)
        arguments.push_back(
            path + (path.starts_with(connection_.path) && !path.ends_with(':') && !path.ends_with('/') ? "/" : ""));
    // One attempt: a second one that finds nothing left to do would end with 0. We look for what was missed ourselves.
    for (const char* flag :
         {"--retries=1", "--low-level-retries=3", "--contimeout=5s", "--ask-password=false", "--no-traverse"})
        arguments.emplace_back(flag);
    if (lock_ >= 0)
        inherited.push_back(lock_);
    const WaitingFor waiting{"the remote", Exit::unavailable};
    Command child{std::move(arguments), child_environment(is_for_rclone, connection_.environment),
                  std::move(inherited)};
    child.most_output = command.most_output;
    child.started = streams.started;
    return run_command(child, deadline, streams.out, streams.err);
}

Finished Rclone::run(RcloneCommand command, const Deadline& deadline, const Sink& out) const {
    const auto answers = command.names ? time_for_answers(command.names->size()) : std::chrono::seconds{0};
    command.arguments.push_back(fmt::format("--timeout={}s", (usual_patience + answers).count()));
    return run_child(command, deadline, {out, {}, {}});
}

Finished Rclone::run_transfer(RcloneCommand command, const TransferRun& transfer, const Deadline& deadline,
                              const Sink& out) const {
    for (const char* flag : {"--buffer-size=1M", "--use-json-log", "--stats-one-line", "--stats-log-level=NOTICE",
                             Progress::wanted() ? "--stats=500ms" : "--stats=5s"})
        command.arguments.emplace_back(flag);
    const auto patience = transfer.uploading > 0 ? patience_of_uploads : usual_patience;
    command.arguments.push_back(fmt::format("--timeout={}s", patience.count()));
    command.arguments.push_back(fmt::format("--transfers={}", transfer.transfers));
    if (!bandwidth_.empty())
        command.arguments.push_back("--bwlimit=" + bandwidth_);
    TransferLog log{transfer, out ? TransferLog::Shown::no : TransferLog::Shown::yes};
    const Sink counted = [&](std::string_view data) {
        out(data);
        log.reader_took(data.size());
    };
    try {
        auto finished = run_child(
            command, deadline,
            {out ? counted : out, [&](std::string_view err) { log.add(err); }, [&](pid_t child) { log.watch(child); }});
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

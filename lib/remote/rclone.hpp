// The rclone process: its environment, its flags, the names it works on, and what its failures mean.
#pragma once

#include "base/deadline.hpp"
#include "base/error.hpp"
#include "base/subprocess.hpp"
#include "remote/connection.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace pbx {

struct RcloneCommand {
    /// Enough for any answer that does not grow with what was asked, or for 256 names with their hashes.
    static constexpr std::size_t default_output = 1U << 20U;

    std::vector<std::string> arguments;                 ///< the subcommand and its flags
    std::vector<std::string> paths;                     ///< remotes and folders
    std::optional<std::vector<std::string>> names = {}; ///< only these, below the path; nothing: no limit
    std::vector<int> inherited = {};                    ///< descriptors that rclone keeps
    std::size_t most_output = default_output;
};

/// Not for several threads at once.
class Rclone {
  public:
    /// `path` is an rclone path; `program` is run with it. Each child inherits the descriptor `lock` (-1: none), so
    /// that the rclone of a killed run still holds it. Runs nothing yet. Throws Error (config) for a path that rclone
    /// would take for an option, or whose own options cannot be read.
    Rclone(const std::string& path, std::string program, int lock);

    const std::string& path() const { return connection_.path; }
    /// The path for messages: without the options of a connection string, which may hold passwords.
    const std::string& display_path() const { return connection_.shown; }

    /// Runs to the end or to the deadline. `out` gets stdout as it comes. Throws Error (unavailable) when rclone cannot
    /// be started.
    Finished run(const RcloneCommand& command, const Deadline& deadline, const Sink& out = {}) const;

    /// run() for a transfer: shows its progress, and ends it when no byte moves for 60 s.
    Finished run_transfer(RcloneCommand command, const Deadline& deadline) const;

    /// "remote PATH: cannot <action>: <reason>", with the reason that rclone printed and the exit status it stands for.
    Error failure(const std::string& action, const Finished& finished) const;
    Error failure(Exit status, const std::string& action, const std::string& reason) const;

  private:
    Finished run_child(const RcloneCommand& command, const Deadline& deadline, const Sink& out, const Sink& err) const;

    Connection connection_;
    std::string program_;
    int lock_;
};

} // namespace pbx

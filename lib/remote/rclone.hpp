// The rclone process: its environment, its flags, the names it works on, and what its failures mean.
#pragma once

#include "base/deadline.hpp"
#include "base/error.hpp"
#include "base/subprocess.hpp"
#include "remote/connection.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
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
    std::size_t least_checkers = 8; ///< of so many names at once; more for a longer list, see docs/rclone.md
};

/// How long the slowest line needs for answers about so many names.
std::chrono::seconds time_for_answers(std::size_t names);

/// What one run of rclone transfers.
struct TransferRun {
    unsigned transfers = 1;      ///< objects at once
    std::uint64_t uploading = 0; ///< see StallRule
    // What the runs before it have carried of the same work, for the progress line.
    std::uint64_t objects_before = 0;
    std::uint64_t bytes_before = 0;
};

/// Not for several threads at once.
class Rclone {
  public:
    /// `path` is an rclone path; `program` is run with it. Each child inherits the descriptor `lock` (-1: none), so
    /// that the rclone of a killed run still holds it. Runs nothing yet. Throws Error (config) for a path that rclone
    /// would take for an option, or whose own options cannot be read.
    Rclone(const std::string& path, std::string program, int lock, std::string bandwidth = {});

    const std::string& path() const { return connection_.path; }
    /// The path for messages: without the options of a connection string, which may hold passwords.
    const std::string& display_path() const { return connection_.shown; }

    /// Runs to the end or to the deadline. `out` gets stdout as it comes. Throws Error (unavailable) when rclone cannot
    /// be started.
    Finished run(RcloneCommand command, const Deadline& deadline, const Sink& out = {}) const;

    /// run() for a transfer: within the bandwidth (TransferSettings), and ended when it stalls (StallRule), as at the
    /// deadline. Without a sink its progress is shown.
    Finished run_transfer(RcloneCommand command, const TransferRun& transfer, const Deadline& deadline,
                          const Sink& out = {}) const;

    /// "remote PATH: cannot <action>: <reason>", with the reason that rclone printed and the exit status it stands for.
    Error failure(const std::string& action, const Finished& finished) const;
    Error failure(Exit status, const std::string& action, const std::string& reason) const;

  private:
    struct Streams {
        const Sink& out;
        const Sink& err;
        std::function<void(pid_t)> started;
    };
    Finished run_child(const RcloneCommand& command, const Deadline& deadline, const Streams& streams) const;

    Connection connection_;
    std::string program_;
    int lock_;
    std::string bandwidth_;
};

} // namespace pbx

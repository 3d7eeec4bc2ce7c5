// Runs a child program without a shell and with a deadline; it never outlives us.
#pragma once

#include "base/deadline.hpp"
#include "base/identity.hpp"

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx {

struct Command {
    std::vector<std::string> arguments;   ///< the program first, looked up in PATH
    std::vector<std::string> environment; ///< NAME=value; child_environment() makes it from ours
    std::vector<int> inherited;           ///< descriptors that the child keeps, such as a lock; all others are closed
    /// The child runs as this account in "/", cannot gain rights, and has limits: no core file, 256 MiB per file, 4 GiB
    /// of memory, 4,096 descriptors, 10 minutes of processor time.
    std::optional<Identity> confined = std::nullopt;
    std::size_t most_output = 16U << 20U;    ///< bytes of stdout that are kept; more is an error
    std::function<void(pid_t)> started = {}; ///< called with the child's id once the program runs
};

/// The variables of our own environment whose names `keep` accepts, and those of `set` (NAME=value), which replace ours
/// of the same name.
std::vector<std::string> child_environment(const std::function<bool(std::string_view name)>& keep,
                                           std::vector<std::string> set = {});

struct Finished {
    int status = 0;         ///< exit status, or 128 + the signal that ended it
    bool timed_out = false; ///< it was ended at the deadline
    std::string out;        ///< stdout, unless a sink took it
    std::string err;        ///< stderr, its last 64 KiB
};

/// Appends `more` to `text`; of a long text it keeps at least the last 64 KiB.
void keep_tail(std::string& text, std::string_view more);

using Sink = std::function<void(std::string_view)>;

/// Runs a command, and ends it at the deadline (TERM, two seconds later KILL) or when a sink throws (KILL). The child
/// has its own session, so that it cannot fake input to our terminal; what it leaves running in its process group is
/// killed. stdin is empty. If our process dies, the kernel kills the child (PR_SET_PDEATHSIG). `out` gets stdout as it
/// comes, `err` stderr. Throws Error: temporary when an interruption passed the deadline; unavailable when the program
/// cannot be started, or, without a sink, writes more to stdout than `most_output`.
Finished run_command(const Command& command, const Deadline& deadline, const Sink& out = {}, const Sink& err = {});

} // namespace pbx

// How many bytes another process has moved, as the kernel counts them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace pbx {

struct ProcessTraffic {
    std::int64_t read = 0;    ///< bytes from files, pipes and sockets
    std::int64_t written = 0; ///< bytes to them, without those that still wait in the buffers of TCP sockets
};

/// Nothing when the process has ended, belongs to another user, or the kernel does not count.
std::optional<ProcessTraffic> traffic_of(pid_t process);

} // namespace pbx

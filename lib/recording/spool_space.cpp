// What only root may still use is not free: Asterisk does not run as root.
#include "recording/spool_space.hpp"

#include "base/error.hpp"

#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>

namespace pbx::recording {

FreeSpace space_of(const Folder& folder) {
    struct statvfs found {};
    if (::fstatvfs(folder.fd(), &found) != 0)
        throw system_error(Exit::io, "cannot look at the free space of " + folder.path().native(), errno);
    return {static_cast<std::uint64_t>(found.f_bavail) * found.f_frsize,
            static_cast<std::uint64_t>(found.f_blocks) * found.f_frsize, found.f_favail, found.f_files,
            (found.f_flag & ST_RDONLY) != 0};
}

bool SpoolSpace::holds(const Folder& folder) const {
    return folder.owner().st_dev == spool_.owner().st_dev;
}

std::uint64_t SpoolSpace::available() const {
    const auto space = space_of(spool_);
    const auto reserve = rules_.reserve_of(space.total);
    return space.free > reserve ? space.free - reserve : 0;
}

std::uint64_t SpoolSpace::most_available() const {
    const auto total = space_of(spool_).total;
    return total - std::min(total, rules_.reserve_of(total));
}

std::uint64_t SpoolSpace::missing() const {
    const auto space = space_of(spool_);
    const auto reserve = rules_.reserve_of(space.total);
    return space.free < reserve ? reserve - space.free : 0;
}

} // namespace pbx::recording

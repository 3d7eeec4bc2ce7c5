// F_SETLEASE. Its signal to the holder of a lease would kill us, so we ignore it.
#include "base/lease.hpp"

#include <fcntl.h>

#include <cerrno>
#include <csignal>

namespace pbx {

namespace {

Writer take(int fd) {
    // A writer that opens the file while we hold the lease makes the kernel send SIGIO, which ends a process by
    // default.
    static const auto ignored = ::signal(SIGIO, SIG_IGN);
    static_cast<void>(ignored);
    if (::fcntl(fd, F_SETLEASE, F_RDLCK) == 0)
        return Writer::none;
    return errno == EAGAIN ? Writer::some : Writer::unknown;
}

} // namespace

ReadLease::ReadLease(int fd) : fd_{fd}, writer_{take(fd)} {}

// While the kernel waits for us to give up the lease, F_GETLEASE returns what it should become.
bool ReadLease::is_wanted() const {
    return writer_ == Writer::none && ::fcntl(fd_, F_GETLEASE) != F_RDLCK;
}

ReadLease::~ReadLease() {
    if (writer_ == Writer::none)
        ::fcntl(fd_, F_SETLEASE, F_UNLCK);
}

} // namespace pbx

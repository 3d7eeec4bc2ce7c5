// flock. The kernel knows the holder, so taking the lock writes nothing.
#include "base/lock.hpp"

#include "base/deadline.hpp"
#include "base/error.hpp"
#include "base/trust.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <thread>

namespace pbx {

namespace {

// "pbx-stitch (pid 1234)", from /proc/locks (proc(5)) and the process's own name.
struct Holder {
    std::string name;
    bool running; ///< false when the lock will be free soon, or is free already
};

Holder holder_of(int fd) {
    struct stat status {};
    ::fstat(fd, &status);
    const auto file = fmt::format("{:02x}:{:02x}:{}", major(status.st_dev), minor(status.st_dev), status.st_ino);
    std::ifstream locks{"/proc/locks"};
    for (std::string line; std::getline(locks, line);) {
        std::istringstream fields{line};
        std::string number, kind, advisory, mode, pid, where;
        fields >> number >> kind >> advisory >> mode >> pid >> where;
        if (kind != "FLOCK" || where != file)
            continue;
        std::string name;
        std::ifstream comm{"/proc/" + pid + "/comm"};
        if (std::getline(comm, name))
            return {fmt::format("{} (pid {})", name, pid), true};
        return {fmt::format("a child that pid {} left running when it ended", pid), false};
    }
    // It may have released the lock since we were refused.
    return {"a process that is not visible here", false};
}

// Refuses another user's file, because that user could hold its lock forever and keep us from running.
Fd open_lock(const Folder& folder, const std::string& name) {
    Fd made{::openat(folder.fd(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640)};
    if (made) {
        folder.give_to_owner(made.get());
        return made;
    }
    if (errno != EEXIST)
        throw system_error(Exit::cant_create, "cannot create lock file " + folder.path_of(name), errno);
    auto found = open_trusted(folder, name);
    if (!found)
        throw Error{Exit::temporary, "lock file " + folder.path_of(name) + " was removed just now", "try again"};
    return *std::move(found);
}

} // namespace

RunLock::RunLock(const Folder& folder, const std::string& name) {
    const auto path = folder.path_of(name);
    Fd fd = open_lock(folder, name);
    // The kernel kills the children of a dead run, which takes a moment.
    const auto patience = Deadline::after(std::chrono::seconds{5});
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK)
            throw system_error(Exit::cant_create, "cannot lock " + path, errno);
        const auto holder = holder_of(fd.get());
        if (holder.running || patience.passed())
            throw Error{Exit::temporary, "another run holds " + path + ": " + holder.name,
                        "wait until it finishes; if its process is gone, an rclone that it started is still running"};
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    fd_ = std::move(fd);
}

} // namespace pbx

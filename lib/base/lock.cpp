// flock, with the holder's name in the file for whoever comes second.
#include "base/lock.hpp"

#include "base/error.hpp"
#include "base/words.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace pbx {

RunLock::RunLock(const Folder& folder, const std::string& name) {
    const auto path = folder.path_of(name);
    Fd fd{::openat(folder.fd(), name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640)};
    if (!fd)
        throw system_error(Exit::cant_create, "cannot open lock file " + path, errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            throw system_error(Exit::cant_create, "cannot lock " + path, errno);
        std::array<char, 200> text{};
        const auto length = read_at(fd.get(), text, 0, path);
        std::string holder{text.data(), length};
        holder.erase(std::min(holder.find('\n'), holder.size()));
        throw Error{Exit::temporary, "another run holds " + path + ": " + (holder.empty() ? "unknown" : holder),
                    "it will finish by itself; if its process is gone, an rclone that it started still runs"};
    }
    const auto text = fmt::format("{} (pid {})\n", words::tool(), ::getpid());
    if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), text.data(), text.size(), 0) < 0) {
        // On a full disk the name of the holder is missing, the lock itself is not.
        words::note("cannot write our name into {}", path);
    }
    fd_ = std::move(fd);
}

} // namespace pbx

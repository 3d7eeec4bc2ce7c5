// write, sync, rename, sync the folder; each step checked with its own message.
#include "base/atomic_file.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace pbx {

namespace {

// A name may already be as long as a file system allows. Two long names that share their beginning then share a
// temporary file, and take turns.
std::string hidden_name(const std::string& name) {
    constexpr std::size_t most = 240;
    return "." + name.substr(0, most) + ".tmp";
}

} // namespace

AtomicFile::AtomicFile(const Folder& folder, std::string name)
    : folder_{&folder}, name_{std::move(name)}, hidden_{hidden_name(name_)} {}

AtomicFile::AtomicFile(const Folder& folder, const std::string& name, mode_t mode, const Deadline& deadline)
    : AtomicFile{folder, name} {
    while (!take(mode)) {
        if (deadline.passed())
            throw Error{Exit::temporary, folder.path_of(name) + " is being written by another process",
                        "try again when it is done"};
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
}

std::optional<AtomicFile> AtomicFile::try_begin(const Folder& folder, const std::string& name, mode_t mode) {
    AtomicFile file{folder, name};
    if (!file.take(mode))
        return std::nullopt;
    return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : folder_{other.folder_}, name_{std::move(other.name_)}, hidden_{std::exchange(other.hidden_, {})},
      fd_{std::move(other.fd_)} {}

AtomicFile::~AtomicFile() {
    if (fd_ && !hidden_.empty())
        ::unlinkat(folder_->fd(), hidden_.c_str(), 0);
}

bool AtomicFile::take(mode_t mode) {
    const auto path = folder_->path_of(name_);
    Fd fd{::openat(folder_->fd(), hidden_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode)};
    if (!fd)
        throw system_error(Exit::cant_create, "cannot create a temporary file for " + path, errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK || errno == EINTR)
            return false;
        throw system_error(Exit::cant_create, "cannot lock the temporary file for " + path, errno);
    }
    // Between our open and our lock its writer may have renamed or removed it: then we hold the wrong file.
    struct stat held {};
    const auto named = folder_->look(hidden_);
    if (::fstat(fd.get(), &held) != 0 || !named || named->st_ino != held.st_ino || named->st_dev != held.st_dev)
        return false;
    // From here on it is ours, and goes with us when something fails.
    fd_ = std::move(fd);
    if (!S_ISREG(held.st_mode) || ::ftruncate(fd_.get(), 0) != 0 || ::fchmod(fd_.get(), mode) != 0)
        throw system_error(Exit::cant_create, "cannot prepare the temporary file for " + path, errno);
    return true;
}

void AtomicFile::start_writing_out() const {
    ::sync_file_range(fd_.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
}

void AtomicFile::rename() {
    if (::renameat(folder_->fd(), hidden_.c_str(), folder_->fd(), name_.c_str()) != 0)
        throw system_error(Exit::cant_create, "cannot rename the finished " + folder_->path_of(name_), errno);
    hidden_.clear();
}

void AtomicFile::commit() {
    if (::fsync(fd_.get()) != 0)
        throw system_error(Exit::cant_create, "cannot sync " + folder_->path_of(name_), errno);
    rename();
    folder_->sync();
}

void AtomicFile::commit_all(std::span<AtomicFile> files, const Folder& folder) {
    if (files.empty())
        return;
    // syncfs reports write errors since Linux 5.8; below that, and for few files, sync each.
    constexpr std::size_t few = 4;
    if (files.size() <= few) {
        for (const auto& file : files)
            if (::fsync(file.fd()) != 0)
                throw system_error(Exit::cant_create, "cannot sync " + folder.path_of(file.name_), errno);
    } else if (::syncfs(folder.fd()) != 0) {
        throw system_error(Exit::cant_create, "cannot sync the file system of " + folder.path().native(), errno);
    }
    for (auto& file : files)
        file.rename();
    folder.sync();
}

} // namespace pbx

// Write, sync, rename, sync the folder; each step is checked and has its own error message.
#include "base/atomic_file.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <thread>

namespace pbx {

namespace {

constexpr std::string_view writing_end = ".writing";
constexpr std::string_view content_end = ".tmp";
constexpr std::size_t random_digits = 16;

// Cut, because a name may already have the maximum length. Long names with the same beginning then share a lock.
std::string hidden_name(std::string_view name, std::string_view end) {
    constexpr std::size_t most = 220;
    return fmt::format(".{}{}", name.substr(0, most), end);
}

bool is_random(std::string_view text) {
    return text.size() == random_digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string content_name(std::string_view name, std::string_view random) {
    return hidden_name(name, fmt::format(".{}{}", random, content_end));
}

std::string random_name() {
    std::uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number)
        throw system_error(Exit::temporary, "cannot get a random number", errno);
    return fmt::format("{:0{}x}", number, random_digits);
}

// True for the errors of file systems without O_TMPFILE: NFS, old overlayfs and FUSE.
bool has_no_nameless_files(int error_number) {
    return error_number == EOPNOTSUPP || error_number == EISDIR || error_number == EINVAL;
}

} // namespace

AtomicFile::AtomicFile(const Folder& folder, std::string name)
    : folder_{&folder}, name_{std::move(name)}, writing_{hidden_name(name_, writing_end)} {}

AtomicFile::AtomicFile(const Folder& folder, const std::string& name, mode_t mode, const Deadline& deadline,
                       Owner owner)
    : AtomicFile{folder, name} {
    while (!take(mode, owner)) {
        if (deadline.passed())
            throw Error{Exit::temporary, folder.path_of(name) + " is being written by another process",
                        "try again when it is done"};
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
}

std::optional<AtomicFile> AtomicFile::try_begin(const Folder& folder, const std::string& name, mode_t mode) {
    AtomicFile file{folder, name};
    if (!file.take(mode, Owner::of_folder))
        return std::nullopt;
    return file;
}

AtomicFile::~AtomicFile() {
    if (!lock_)
        return;
    if (!hidden_.empty())
        ::unlinkat(folder_->fd(), hidden_.c_str(), 0);
    ::unlinkat(folder_->fd(), writing_.c_str(), 0);
}

bool AtomicFile::take(mode_t mode, Owner owner) {
    if (!take_lock())
        return false;
    make_content();
    // Set the mode last, because chown(2) may clear mode bits.
    if (owner == Owner::of_folder)
        folder_->give_to_owner(fd_.get());
    if (::fchmod(fd_.get(), mode) != 0)
        throw system_error(Exit::cant_create, "cannot set the mode of " + folder_->path_of(name_), errno);
    return true;
}

bool AtomicFile::is_named(int fd, const std::string& name) const {
    struct stat held {};
    const auto named = folder_->look(name);
    return ::fstat(fd, &held) == 0 && named && named->st_ino == held.st_ino && named->st_dev == held.st_dev;
}

// Returns false while another writer holds the lock.
bool AtomicFile::take_lock() {
    const auto create = [&] {
        return Fd{::openat(folder_->fd(), writing_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640)};
    };
    auto fd = create();
    if (!fd && errno == EEXIST) {
        if (!remove_leftover())
            return false;
        fd = create();
        if (!fd && errno == EEXIST)
            return false;
    }
    if (!fd)
        throw system_error(Exit::cant_create, "cannot create a temporary file for " + folder_->path_of(name_), errno);
    // Before this flock(), another writer may have taken the file for a leftover and removed it.
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK || errno == EINTR)
            return false;
        const int why = errno;
        folder_->remove(writing_);
        throw system_error(Exit::cant_create, "cannot lock the temporary file for " + folder_->path_of(name_), why);
    }
    if (!is_named(fd.get(), writing_))
        return false;
    lock_ = std::move(fd);
    folder_->give_to_owner(lock_.get());
    return true;
}

// Removes what a killed writer of this name left. Returns false when that writer is still alive.
bool AtomicFile::remove_leftover() const {
    const Fd fd{::openat(folder_->fd(), writing_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
    if (!fd && errno == ENOENT)
        return true;
    if (!fd && errno != ELOOP)
        throw folder_->cannot_open(writing_, errno);
    struct stat status {};
    // We create no links, pipes or second names of a file: remove only the name, and touch nothing else.
    if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink > 1) {
        folder_->remove(writing_);
        return true;
    }
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 || !is_named(fd.get(), writing_))
        return false;
    std::array<char, random_digits> text{};
    const auto length = read_at(fd.get(), text, 0, folder_->path_of(writing_));
    if (const std::string_view random{text.data(), length}; is_random(random) && status.st_size == random_digits)
        folder_->remove(content_name(name_, random));
    folder_->remove(writing_);
    return true;
}

void AtomicFile::make_content() {
    const auto path = folder_->path_of(name_);
    const auto random = random_name();
    // Record the name before the file gets it, so that the next writer finds the file after a kill.
    write_all(lock_.get(), random, "the temporary file for " + path);
    hidden_ = content_name(name_, random);
    fd_ = Fd{::openat(folder_->fd(), ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600)};
    nameless_ = static_cast<bool>(fd_);
    if (!fd_ && has_no_nameless_files(errno))
        fd_ = Fd{::openat(folder_->fd(), hidden_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (!fd_)
        throw system_error(Exit::cant_create, "cannot create a temporary file for " + path, errno);
    // rename() moves this file over the lock file, so it must be locked too.
    if (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0)
        throw system_error(Exit::cant_create, "cannot lock the temporary file for " + path, errno);
}

void AtomicFile::start_writing_out() const {
    ::sync_file_range(fd_.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
}

// Renames our file, and refuses one that another program put in its place.
void AtomicFile::move(const std::string& from, const std::string& to) const {
    const auto path = folder_->path_of(name_);
    struct stat held {};
    if (::fstat(fd_.get(), &held) != 0 || held.st_nlink != 1 || !is_named(fd_.get(), from))
        throw Error{Exit::no_permission,
                    "the temporary file for " + path + " was replaced or linked while it was written",
                    "find out which program writes to " + folder_->path().native()};
    if (::renameat(folder_->fd(), from.c_str(), folder_->fd(), to.c_str()) != 0)
        throw system_error(Exit::cant_create, "cannot rename the finished " + path, errno);
}

// Renames to the lock's name first. A writer that is killed before the last rename leaves that name, through which the
// next writer finds all leftovers. After the last rename there are none.
void AtomicFile::rename() {
    if (nameless_) {
        const auto nameless = "/proc/self/fd/" + std::to_string(fd_.get());
        if (::linkat(AT_FDCWD, nameless.c_str(), folder_->fd(), hidden_.c_str(), AT_SYMLINK_FOLLOW) != 0)
            throw system_error(Exit::cant_create, "cannot name the finished " + folder_->path_of(name_), errno);
        nameless_ = false;
    }
    move(hidden_, writing_);
    hidden_.clear();
    move(writing_, name_);
    lock_.reset();
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
    // syncfs() reports write errors since Linux 5.8. A few files are synced one by one.
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

std::string_view AtomicFile::final_name(std::string_view hidden) {
    if (!hidden.starts_with('.'))
        return {};
    auto name = hidden.substr(1);
    const auto drop = [&](std::string_view end) {
        const bool ends = name.size() > end.size() && name.ends_with(end);
        name.remove_suffix(ends ? end.size() : 0);
        return ends;
    };
    if (drop(writing_end))
        return name;
    if (!drop(content_end))
        return {};
    if (const auto dot = name.rfind('.'); dot != std::string_view::npos && dot > 0 && is_random(name.substr(dot + 1)))
        name = name.substr(0, dot);
    return name;
}

void AtomicFile::remove_if_dead(const Folder& folder, const std::string& hidden) {
    constexpr std::time_t hour = 3600;
    const auto seen = folder.look(hidden);
    if (!seen || !S_ISREG(seen->st_mode) || std::time(nullptr) - seen->st_ctim.tv_sec < hour)
        return;
    const Fd fd{::openat(folder.fd(), hidden.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    struct stat status {};
    if (fd && ::fstat(fd.get(), &status) == 0 && status.st_ino == seen->st_ino &&
        ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0)
        folder.remove(hidden);
}

} // namespace pbx

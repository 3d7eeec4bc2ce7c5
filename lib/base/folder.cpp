// Confined opens, by descriptor and bare name.
#include "base/folder.hpp"

#include "base/identity.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace pbx {

Folder Folder::open(const std::filesystem::path& path) {
    Fd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!fd)
        throw system_error(Exit::io, "cannot open folder " + path.native(), errno);
    return {path, std::move(fd)};
}

Folder Folder::create(const std::filesystem::path& path, const Folder* like) {
    std::filesystem::path so_far;
    for (const auto& part : path) {
        const auto parent = so_far.empty() ? std::filesystem::path{"."} : so_far;
        so_far /= part;
        if (::mkdir(so_far.c_str(), 0750) == 0) {
            const Fd made{::open(so_far.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
            struct stat status {};
            // Another user may have replaced it since mkdir().
            if (made && ::fstat(made.get(), &status) == 0 && status.st_uid == ::geteuid())
                like != nullptr ? like->give_to_owner(made.get()) : open(parent).give_to_owner(made.get());
            continue;
        }
        const int why = errno;
        // EROFS or EACCES is harmless for a parent that exists: we need not write to it.
        std::error_code failed;
        if (why != EEXIST && !std::filesystem::is_directory(so_far, failed))
            throw system_error(Exit::cant_create, "cannot make folder " + so_far.native(), why);
    }
    return open(path);
}

std::optional<struct stat> Folder::look(const std::string& name) const {
    struct stat found {};
    if (::fstatat(fd_.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0)
        return found;
    if (errno == ENOENT)
        return std::nullopt;
    throw system_error(Exit::io, "cannot look at " + path_of(name), errno);
}

std::optional<Fd> Folder::find(const std::string& name) const {
    const auto refuse = [&] {
        return Error{Exit::data, path_of(name) + " is not a regular file, so it was not opened",
                     "a recording is never a link, pipe or device; find out which program created it"};
    };
    const auto before = look(name);
    if (!before)
        return std::nullopt;
    if (!S_ISREG(before->st_mode))
        throw refuse();
    // The file may have been replaced since look(): do not follow a link or wait for a pipe's writer.
    Fd fd{::openat(fd_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
    if (!fd && errno == ENOENT)
        return std::nullopt;
    if (!fd && errno == ELOOP)
        throw refuse();
    if (!fd)
        throw system_error(Exit::io, "cannot open " + path_of(name), errno);
    struct stat now {};
    if (::fstat(fd.get(), &now) != 0 || !S_ISREG(now.st_mode))
        throw refuse();
    return fd;
}

std::optional<Folder> Folder::find_folder(const std::string& name) const {
    Fd fd{::openat(fd_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (fd)
        return Folder{path_ / name, std::move(fd)};
    if (errno == ENOENT)
        return std::nullopt;
    if (errno == ENOTDIR || errno == ELOOP)
        throw Error{Exit::data, path_of(name) + " is not a folder, so it was not opened",
                    "find out which program created it"};
    throw system_error(Exit::io, "cannot open folder " + path_of(name), errno);
}

void Folder::remove(const std::string& name) const {
    if (::unlinkat(fd_.get(), name.c_str(), 0) != 0 && errno != ENOENT)
        throw system_error(Exit::cant_create, "cannot remove " + path_of(name), errno);
}

struct stat Folder::owner() const {
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0)
        throw system_error(Exit::io, "cannot look at folder " + path_.native(), errno);
    return status;
}

void Folder::give_to_owner(int fd) const {
    const auto folder = owner();
    struct stat file {};
    if (::fstat(fd, &file) != 0)
        throw system_error(Exit::io, "cannot look at a file in " + path_.native(), errno);
    const bool root = ::geteuid() == 0;
    if (file.st_gid == folder.st_gid && (!root || file.st_uid == folder.st_uid))
        return;
    if (::fchown(fd, root ? folder.st_uid : file.st_uid, folder.st_gid) != 0 && root)
        throw system_error(Exit::no_permission, "cannot give a file to the owner of " + path_.native(), errno);
}

std::string Folder::giving(const std::string& name) const {
    return "chown " + account_name(owner().st_uid) + ": " + path_of(name);
}

Error Folder::cannot_open(const std::string& name, int error_number) const {
    const auto message = "cannot open " + path_of(name);
    struct stat file {};
    const bool foreign = (error_number == EACCES || error_number == EPERM) &&
                         ::fstatat(fd_.get(), name.c_str(), &file, AT_SYMLINK_NOFOLLOW) == 0 &&
                         file.st_uid != owner().st_uid;
    if (!foreign)
        return system_error(Exit::io, message, error_number);
    return system_error(Exit::io, message + ", which belongs to " + account_name(file.st_uid), error_number,
                        giving(name));
}

void Folder::sync() const {
    if (::fsync(fd_.get()) != 0)
        throw system_error(Exit::cant_create, "cannot sync folder " + path_.native(), errno);
}

void Folder::for_each_name(const std::function<void(const std::string&)>& each) const {
    // Open a separate descriptor, because duplicates would share the read position.
    const int copy = ::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const auto close = [](DIR* dir) { ::closedir(dir); };
    const std::unique_ptr<DIR, decltype(close)> dir{copy < 0 ? nullptr : ::fdopendir(copy), close};
    if (!dir)
        throw system_error(Exit::io, "cannot list folder " + path_.native(), errno);
    for (;;) {
        errno = 0;
        const dirent* entry = ::readdir(dir.get());
        if (entry == nullptr && errno != 0)
            throw system_error(Exit::io, "cannot list folder " + path_.native(), errno);
        if (entry == nullptr)
            return;
        const std::string name{static_cast<const char*>(entry->d_name)};
        if (name != "." && name != "..")
            each(name);
    }
}

} // namespace pbx

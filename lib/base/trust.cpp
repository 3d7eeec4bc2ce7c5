// Checks the opened file, not its name, which may lead elsewhere a moment later.
#include "base/trust.hpp"

#include "base/error.hpp"
#include "base/identity.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace pbx {

namespace {

Error disbelief(const std::string& path, const std::string& fault, const std::string& hint) {
    return {Exit::no_permission, path + " is not used: " + fault, hint};
}

// Refuses a file that others can write. An ACL shows in the group's bits.
void require_no_other_writer(const struct stat& file, const std::string& path) {
    if ((file.st_mode & S_IWOTH) != 0)
        throw disbelief(path, "everybody can write it", "chmod o-w " + path);
    if ((file.st_mode & S_IWGRP) != 0 && !is_private_group(file.st_gid, file.st_uid))
        throw disbelief(path, "its group can write it", "chmod g-w " + path);
}

bool is_ours(uid_t owner) {
    return owner == 0 || owner == ::geteuid();
}

void require_ours(const struct stat& file, const std::string& path) {
    if (!is_ours(file.st_uid))
        throw disbelief(path, "it belongs to " + account_name(file.st_uid),
                        fmt::format("check what is in it, then: chown {}: {}", account_name(::geteuid()), path));
}

bool is_null_device(const struct stat& file) {
    constexpr unsigned memory_devices = 1;
    constexpr unsigned null = 3;
    return S_ISCHR(file.st_mode) && file.st_rdev == makedev(memory_devices, null);
}

void require_safe_folder(const std::filesystem::path& path) {
    const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path{"."};
    struct stat folder {};
    if (::stat(parent.c_str(), &folder) != 0)
        throw system_error(Exit::io, "cannot look at " + parent.native(), errno);
    if ((folder.st_mode & S_IWOTH) != 0 && (folder.st_mode & S_ISVTX) == 0)
        throw disbelief(path, "everybody can write its folder", "chmod o-w " + parent.native());
    if (!is_ours(folder.st_uid))
        throw disbelief(path, fmt::format("its folder {} belongs to {}", parent.native(), account_name(folder.st_uid)),
                        "keep it in /etc/pbx, or in a folder of your own");
}

// An ACL shows in the group's bits.
void require_no_other_reader(const struct stat& file, const std::string& path) {
    if ((file.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        throw Error{Exit::config, path + " is not used: other users can read it", "chmod 0600 " + path};
}

enum class Readers { any, only_owner };

std::optional<std::string> read_checked(const std::filesystem::path& path, std::size_t most, Readers readers) {
    // O_NONBLOCK, because opening a pipe would wait for its writer.
    const Fd fd{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
    if (!fd && errno == ENOENT)
        return std::nullopt;
    if (!fd)
        throw system_error(Exit::io, "cannot open " + path.native(), errno);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0)
        throw system_error(Exit::io, "cannot look at " + path.native(), errno);
    if (is_null_device(status))
        return "";
    if (!S_ISREG(status.st_mode))
        throw disbelief(path, "it is not a regular file", "put the text into a regular file");
    if (readers == Readers::only_owner)
        require_no_other_reader(status, path);
    require_ours(status, path);
    require_no_other_writer(status, path);
    require_safe_folder(path);
    auto text = read_file(fd.get(), path.native(), most + 1);
    if (text.size() > most)
        throw Error{Exit::data, fmt::format("{} is longer than {} bytes", path.native(), most),
                    "check that it is the right file"};
    return text;
}

} // namespace

std::optional<std::string> read_trusted(const std::filesystem::path& path, std::size_t most) {
    return read_checked(path, most, Readers::any);
}

std::optional<std::string> read_secret(const std::filesystem::path& path, std::size_t most) {
    return read_checked(path, most, Readers::only_owner);
}

std::optional<Fd> open_trusted(const Folder& folder, const std::string& name) {
    const auto path = folder.path_of(name);
    Fd fd{::openat(folder.fd(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
    if (!fd && errno == ENOENT)
        return std::nullopt;
    if (!fd && errno != ELOOP)
        throw folder.cannot_open(name, errno);
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
        throw disbelief(path, "it is not a regular file", "find out which program made it, then: rm " + path);
    if (status.st_nlink > 1)
        throw disbelief(path, "it has a second name, a hard link", "find out which program made it, then: rm " + path);
    if (!is_ours(status.st_uid) && status.st_uid != folder.owner().st_uid)
        throw disbelief(path, "it belongs to " + account_name(status.st_uid), folder.giving(name));
    require_no_other_writer(status, path);
    return fd;
}

std::string trust_fault(const std::filesystem::path& path, uid_t user) {
    for (auto part = path;; part = part.parent_path()) {
        struct stat found {};
        if (::lstat(part.c_str(), &found) != 0)
            throw system_error(Exit::io, "cannot look at " + part.native(), errno);
        if (found.st_uid != 0 && found.st_uid != user)
            return part.native() + " belongs to the user " + account_name(found.st_uid);
        const bool sticky = S_ISDIR(found.st_mode) && (found.st_mode & S_ISVTX) != 0;
        const bool by_group = (found.st_mode & S_IWGRP) != 0 && !is_private_group(found.st_gid, found.st_uid);
        if (!sticky && !S_ISLNK(found.st_mode) && (by_group || (found.st_mode & S_IWOTH) != 0))
            return "others can write " + part.native();
        if (part == part.parent_path())
            return {};
    }
}

} // namespace pbx

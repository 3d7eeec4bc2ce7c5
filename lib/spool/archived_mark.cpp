// user.pbx.archived: "<SHA-256 of the remote's path> <size> <mtime> <md5>".
#include "spool/archived_mark.hpp"

#include "base/hash.hpp"

#include <fmt/format.h>
#include <sys/xattr.h>

#include <array>
#include <sstream>

namespace pbx::spool {

namespace {

constexpr const char* attribute = "user.pbx.archived";

std::string beginning(const std::string& remote, const struct stat& file) {
    return fmt::format("{} {} {}.{:09} ", remote, file.st_size, file.st_mtim.tv_sec, file.st_mtim.tv_nsec);
}

} // namespace

ArchivedMark::ArchivedMark(const std::string& remote) : remote_{sha256_of(remote)} {}

bool ArchivedMark::is_set(const std::string& path, const struct stat& file) const {
    std::array<char, 256> value{};
    const auto length = ::lgetxattr(path.c_str(), attribute, value.data(), value.size());
    if (length <= 0)
        return false;
    const auto expected = beginning(remote_, file);
    return std::string_view{value.data(), static_cast<std::size_t>(length)}.substr(0, expected.size()) == expected;
}

bool ArchivedMark::set(int fd, const struct stat& file, const std::string& md5) const {
    const auto value = beginning(remote_, file) + md5;
    return ::fsetxattr(fd, attribute, value.data(), value.size(), 0) == 0;
}

bool ArchivedMark::remove(const std::string& path) {
    return ::lremovexattr(path.c_str(), attribute) == 0;
}

std::optional<RemoteObject> ArchivedMark::earlier_copy(int fd) const {
    std::array<char, 256> value{};
    const auto length = ::fgetxattr(fd, attribute, value.data(), value.size());
    if (length <= 0)
        return std::nullopt;
    std::istringstream words{std::string{value.data(), static_cast<std::size_t>(length)}};
    std::string remote;
    std::string time;
    RemoteObject object;
    if (!(words >> remote >> object.size >> time >> object.md5) || remote != remote_)
        return std::nullopt;
    return object;
}

} // namespace pbx::spool

// user.pbx.paused: a Unix time.
#include "spool/paused_mark.hpp"

#include <sys/xattr.h>

#include <array>
#include <charconv>
#include <cstdint>

namespace pbx::spool {

namespace {

constexpr const char* attribute = "user.pbx.paused";

} // namespace

bool mark_paused(const std::string& path, std::chrono::sys_seconds until) {
    const auto value = std::to_string(until.time_since_epoch().count());
    return ::lsetxattr(path.c_str(), attribute, value.data(), value.size(), 0) == 0;
}

std::chrono::sys_seconds paused_until(int fd) {
    std::array<char, 32> value{};
    const auto length = ::fgetxattr(fd, attribute, value.data(), value.size());
    std::int64_t seconds = 0;
    if (length > 0)
        std::from_chars(value.data(), value.data() + length, seconds);
    return std::chrono::sys_seconds{std::chrono::seconds{seconds}};
}

} // namespace pbx::spool

// Ranks exit statuses, and turns errno into messages.
#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

namespace pbx {

Exit worst(Exit a, Exit b) {
    // From harmless to severe. The next run recovers from 75; 65 to 69 concern single calls or an outage; 73 to 78 need
    // an operator at this machine; 70 needs a programmer.
    constexpr std::array order{Exit::ok,       Exit::differs,     Exit::not_recorded, Exit::temporary,
                               Exit::no_input, Exit::data,        Exit::usage,        Exit::unavailable,
                               Exit::io,       Exit::cant_create, Exit::config,       Exit::no_permission,
                               Exit::software};
    return std::max(a, b, [&](Exit left, Exit right) {
        return std::find(order.begin(), order.end(), left) < std::find(order.begin(), order.end(), right);
    });
}

namespace {

// Hints for the system errors that operators meet.
std::string hint_for(int error_number) {
    switch (error_number) {
    case EACCES:
    case EPERM:
        return "run it as the user that Asterisk runs as, or give this user permission";
    case ENOSPC:
    case EDQUOT:
        return "free space on that file system; nothing is lost, and the next run continues";
    case EROFS:
        return "that file system is mounted read-only";
    case ENOENT:
        return "check the path; pbx.conf(5) explains where settings come from";
    case ENOTDIR:
        return "a part of that path is a file, not a folder";
    case EIO:
        return "the disk reports an error: check the kernel's log";
    case EMFILE:
    case ENFILE:
        return "too many files are open: raise the limit (ulimit -n)";
    default:
        return {};
    }
}

} // namespace

Error system_error(Exit status, const std::string& message, int error_number, std::string hint) {
    if (error_number == EACCES || error_number == EPERM)
        status = Exit::no_permission;
    if (hint.empty())
        hint = hint_for(error_number);
    return {status, message + ": " + std::strerror(error_number), std::move(hint)};
}

Error as_error(const std::exception& exception) {
    if (const auto* own = dynamic_cast<const Error*>(&exception))
        return *own;
    if (dynamic_cast<const std::bad_alloc*>(&exception) != nullptr)
        return {Exit::temporary, "out of memory"};
    const auto* refused = dynamic_cast<const std::system_error*>(&exception);
    if (refused == nullptr)
        return {Exit::software, std::string{"unexpected: "} + exception.what(), "this is a bug, please report it"};
    // std::thread gives no other reason.
    if (refused->code() == std::errc::resource_unavailable_try_again)
        return {Exit::temporary, std::string{"cannot start a thread: "} + exception.what(),
                "raise the limit on processes (ulimit -u), or try again"};
    const auto failure = system_error(Exit::io, {}, refused->code().value());
    return {failure.status(), exception.what(), failure.hint()};
}

} // namespace pbx

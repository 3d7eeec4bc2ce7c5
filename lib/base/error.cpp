// Ranks exit statuses, and turns errno into words.
#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace pbx {

Exit worst(Exit a, Exit b) {
    // From harmless to grave. 75 mends itself at the next run; 65 to 69 concern single calls or an outage; 73 to 78
    // need an operator at this machine; 70 needs a programmer.
    constexpr std::array order{Exit::ok,          Exit::differs, Exit::temporary,     Exit::no_input,
                               Exit::data,        Exit::usage,   Exit::unavailable,   Exit::io,
                               Exit::cant_create, Exit::config,  Exit::no_permission, Exit::software};
    return std::max(a, b, [&](Exit left, Exit right) {
        return std::find(order.begin(), order.end(), left) < std::find(order.begin(), order.end(), right);
    });
}

Error system_error(Exit kind, const std::string& message, int error_number, std::string hint) {
    if (error_number == EACCES || error_number == EPERM)
        kind = Exit::no_permission;
    return {kind, message + ": " + std::strerror(error_number), std::move(hint)};
}

} // namespace pbx

// One failure is reported once.
#include "check/session.hpp"

#include <algorithm>

namespace pbx::check {

std::chrono::seconds seconds_left(const Deadline& deadline) {
    return std::max(std::chrono::floor<std::chrono::seconds>(deadline.left()), std::chrono::seconds{1});
}

bool connect(soci::session& session, const CheckOptions& options, const Deadline& deadline, Findings& findings,
             const std::string& what) {
    try {
        db::connect(session, options.database, seconds_left(deadline));
        return true;
    } catch (const Error& error) {
        findings.warn(what + " not checked: " + error.what(), error.hint());
        return false;
    }
}

} // namespace pbx::check

// Which of the calls that a name can mean is served, and whether it may be.
#pragma once

#include "cdr/legs.hpp"
#include "db/session.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pbx::recording {

/// "CALL" or "CALL/ACCOUNTCODE", as an operator names a call.
struct CallName {
    std::string call;
    std::optional<std::string> account;

    /// Everything after the first slash is the accountcode, which may be empty.
    static CallName parse(const std::string& text);
};

/// The call in the database that is meant by `name`; of `account`, if that is given. Throws Error: Absent when there is
/// none, in the same words when all are of other accounts; usage when calls of several accounts are meant; unavailable.
cdr::Call choose_call(soci::session& session, const db::LegNaming& naming, const CallName& name,
                      const std::optional<std::string>& account);

/// The one of `calls` that is meant by `name`; of `account`, if that is given. Throws Error: no_input when there is
/// none, in the same words when all are of other accounts; usage when calls of several accounts remain.
cdr::Call choose_call(std::vector<cdr::Call> calls, const CallName& name, const std::optional<std::string>& account);

/// Throws Error: no_input when the call has no such leg (counted from 1); data when the leg, or without one any leg of
/// the call, is also named by rows of another account.
void require_served(const cdr::Call& call, std::optional<std::size_t> leg);

} // namespace pbx::recording

// Which of the calls that a name can mean is served, and whether it may be.
#pragma once

#include "cdr/call_name.hpp"
#include "cdr/legs.hpp"
#include "db/session.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pbx::recording {

/// The call in the database that is meant by `name`; of `account`, if that is given. Throws Error: Absent when there is
/// none, in the same words when all are of other accounts; usage when calls of several accounts are meant; unavailable.
cdr::Call choose_call(soci::session& session, const db::LegNaming& naming, const cdr::CallName& name,
                      const std::optional<std::string>& account);

/// The one of `calls` that is meant by `name`; of `account`, if that is given. Nothing when there is none, also when
/// all are of other accounts. Throws Error (usage) when calls of several accounts remain.
std::optional<cdr::Call> choose_call(std::vector<cdr::Call> calls, const cdr::CallName& name,
                                     const std::optional<std::string>& account);

/// Throws Error: no_input when the call has no such leg (counted from 1); data when the leg, or without one any leg of
/// the call, is also named by rows of another account.
void require_served(const cdr::Call& call, std::optional<std::size_t> leg);

} // namespace pbx::recording

// Which calls an operator asks for, and the queries that find them.
#pragma once

#include "cdr/journey.hpp"
#include "cdr/tenants.hpp"

#include <soci/soci.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pbx::cdr {

struct CallFilter {
    std::chrono::sys_seconds since{};
    /// Not included. Nothing: no limit, since rows that a wrong clock dated in the future are calls as well.
    std::optional<std::chrono::sys_seconds> until;
    std::string account;     ///< accountcode; empty: every account
    std::string number;      ///< one that called or was called, in any row of the call; UTF-8
    std::string disposition; ///< of the call, as parse_disposition() returns it
    std::int64_t limit = 0;  ///< at most so many calls, the newest; 0: all
};

/// Asterisk's spelling of a disposition that an operator typed: "no-answer" is "NO ANSWER"; empty stays empty. Throws
/// Error (usage).
std::string parse_disposition(const std::string& given);

/// Has the server choose the calls that pass the filter. Leaves a transaction with a cursor open. Throws Error.
void select_calls(soci::session& session, const CallFilter& filter);

/// Calls `each` for every call that select_calls() chose, the newest first, in bounded memory; then ends the
/// transaction. Throws Error.
void for_each_journey(soci::session& session, const Tenants& tenants, const std::function<void(const Journey&)>& each);

/// The calls that `name` means: a CDR id (all digits), a linkedid or a uniqueid; only those of `account`, if that is
/// given. The account "" is that of calls without an accountcode. Throws Error.
std::vector<Journey> find_journeys(soci::session& session, const Tenants& tenants, const std::string& name,
                                   const std::optional<std::string>& account);

/// The calls of all accounts with these linkedids. Throws Error.
std::vector<Journey> find_journeys(soci::session& session, const Tenants& tenants,
                                   const std::vector<std::string>& linkedids);

} // namespace pbx::cdr

// Which calls an operator asks for.
#pragma once

#include "cdr/journey.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace pbx::cdr {

struct CallFilter {
    std::chrono::sys_seconds since{};
    /// Not included. Nothing: no limit, since rows that a wrong clock dated in the future are calls as well.
    std::optional<std::chrono::sys_seconds> until;
    std::string account;     ///< accountcode; empty: every account
    std::string number;      ///< one that called or was called, in any row of the call; UTF-8
    std::string disposition; ///< of the call, as parse_disposition() returns it

    // What only all rows of a call show.
    std::optional<Direction> direction;
    std::string extension;                ///< took_part() in the call; empty: any
    std::chrono::seconds min_duration{0}; ///< from the start of the call to its end
    bool recorded = false;                ///< only calls of which a row names a recording
    bool unrecorded = false;              ///< only answered calls of which none does

    std::int64_t limit = 0; ///< at most so many calls, the newest; 0: all

    /// Whether passes() can be false.
    bool looks_at_rows() const;
    /// Whether the call fits what only its rows show. `tenant` is the call's, as for make_journey().
    bool passes(const Journey& call, const TenantNames* tenant) const;
};

/// Asterisk's spelling of a disposition that an operator typed: "no-answer" is "NO ANSWER"; empty stays empty. Throws
/// Error (usage).
std::string parse_disposition(const std::string& given);

/// As direction_name() spells it, in any case; nothing when `given` is empty. Throws Error (usage).
std::optional<Direction> parse_direction(const std::string& given);

} // namespace pbx::cdr

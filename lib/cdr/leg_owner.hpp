// Whose a leg is that was asked for by its name.
#pragma once

#include "cdr/legs.hpp"
#include "db/leg_naming.hpp"

#include <soci/soci.h>

#include <optional>
#include <string>

namespace pbx::cdr {

struct LegOwner {
    /// A call that names the leg. Its accountcode is that of the leg's owner, or empty when only rows without an
    /// account name it; `legs` has this leg alone, and so has `ambiguous` when rows of several accounts claim it.
    Call call;
    /// Whether rows with this accountcode, if one was asked for, name the leg.
    bool is_of_account = true;
};

/// Nothing when no row names the leg. Costs a few look-ups in an index, also where a hundred thousand rows name it.
std::optional<LegOwner> find_owner(soci::session& session, const db::LegNaming& naming, const std::string& leg,
                                   const std::optional<std::string>& account);

} // namespace pbx::cdr

// --org and --account: two ways to name the tenant that a command is limited to.
#pragma once

#include <soci/soci.h>

#include <optional>
#include <string>

namespace pbx::db {

struct TenantChoice {
    std::string organization;           ///< a name, prefix or id; empty: not given
    std::optional<std::string> account; ///< an accountcode
};

/// The accountcode that is meant; nothing when neither is given. Throws Error: no_input for an organization that does
/// not exist, usage when the two name different tenants.
std::optional<std::string> chosen_account(soci::session& session, const TenantChoice& choice);

/// Throws Error (usage) when both are given and `id`, that of the organization, is not the accountcode.
void require_agreement(const TenantChoice& choice, const std::string& id);

/// Throws Error (no_input) when neither an organization nor a CDR row has this accountcode.
void require_known_account(soci::session& session, const std::string& account);

} // namespace pbx::db

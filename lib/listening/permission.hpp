// Who may listen: an account that the web server vouches for, or whoever has a signed link.
#pragma once

#include "cdr/legs.hpp"
#include "listening/request.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace pbx::listening {

struct PermissionSettings {
    std::string key_file;       ///< link_keys.hpp; empty: no link is valid
    std::string account_header; ///< a header field with the account, which the server sets itself; empty: none.
                                ///< Letters and digits only: other characters have several spellings
};

struct Permission {
    std::string account; ///< whose calls
    Grant grant = Grant::download;
    std::string key; ///< of the link; empty: the server vouches for the account
};

/// The one leg that a link is for.
struct LinkedLeg {
    std::size_t number; ///< counted from 1
    std::string name;
};

/// The answer to every request that is not permitted, whatever the reason and whatever exists.
Refusal not_permitted();

/// Throws not_permitted() when the leg with this number is another one by now.
void require_linked_leg(const std::optional<LinkedLeg>& linked, const cdr::Call& call);

/// Decides before anything about the call is known. Nothing when the request is not permitted. Throws Error (config)
/// when the keys cannot be read, PBX_MAY has another value than play and download, or the account's header field has
/// several spellings; Refusal (400) when the field is there twice.
std::optional<Permission> find_permission(const Request& request, const Variables& variables,
                                          const PermissionSettings& settings, std::chrono::sys_seconds now);

} // namespace pbx::listening

// Prints signed links: pbx-recording-fetch --link.
#pragma once

#include "base/error.hpp"
#include "db/leg_naming.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace pbx::listening {

struct MakeLinkOptions {
    bool wanted = false; ///< a link, and not the recording
    std::string may = "download";
    std::chrono::seconds lifetime = std::chrono::hours{24};
    bool page = false;    ///< the page with a player, and not the recording itself
    std::string key_file; ///< link_keys.hpp
    std::string base;     ///< what the URL begins with; empty: a path only
};

/// The call that a link is for.
struct LinkedCall {
    std::string database;
    db::LegNaming naming;
    std::string call; ///< as cdr::CallName::parse() reads it
    std::optional<std::string> account;
    std::string organization;       ///< whose call; empty: any
    std::optional<std::size_t> leg; ///< counted from 1
    std::chrono::seconds timeout;
};

/// Prints the link after it has found the call. Throws Error: no_input when there is no such call or leg for the
/// account; usage when calls of several accounts are meant; data when a leg belongs to another account too; config,
/// unavailable.
Exit print_link(const MakeLinkOptions& options, const LinkedCall& linked);

} // namespace pbx::listening

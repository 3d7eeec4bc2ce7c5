// Signed links: whoever has one may listen to one call until it expires.
#pragma once

#include "listening/link_keys.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace pbx::listening {

/// What may be done with a recording.
enum class Grant { play, download };

/// A link as its URL has it. Everything is text, since what is signed are exactly these texts.
struct Link {
    std::string call;    ///< as in the path
    std::string account; ///< accountcode of the call
    std::string leg;     ///< its number; empty: the whole call
    std::string expires; ///< seconds since 1970
    std::string may;     ///< "play" or "download"
    std::string key;     ///< which key has signed it
    std::string signature;
    std::string name; ///< of the leg, whose number changes when rows of earlier legs arrive; empty for the whole call
};

/// The HMAC over all other fields, each of which is preceded by its length, so that no two links have the same text.
std::string link_signature(const Link& link, const LinkKey& key);

/// `link` with the id and the signature of the first of `keys`.
Link signed_link(Link link, const LinkKeys& keys);

/// "account=...&leg=...&expires=...": the query of the link's URL.
std::string link_query(const Link& link);

/// Whether one of `keys` has signed the link and it has not expired. Clocks may differ by a minute. It takes the same
/// time whatever is wrong with the link.
bool is_valid_link(const Link& link, const LinkKeys& keys, std::chrono::sys_seconds now);

/// What a valid link grants.
Grant grant_of(const Link& link);

} // namespace pbx::listening

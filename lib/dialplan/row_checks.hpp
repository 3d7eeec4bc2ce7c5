// What each column of a row may hold, whatever the other rows hold.
#pragma once

#include "dialplan/plan.hpp"
#include "tenants/organization.hpp"

#include <string>
#include <string_view>

namespace pbx::dialplan {

inline constexpr std::size_t longest_name = 79; ///< bytes, of a section in Asterisk's configuration
inline constexpr std::size_t longest_number = 32;

// These throw Fault for a text that is not allowed in the configuration. They complete the row: a trunk_type under its
// short name, a dial pattern with its underscore, a queue with its class of music.

void check_columns(const tenants::Organization& organization);
void check_columns(tenants::User& user, const Rules& rules);
void check_columns(tenants::Trunk& trunk, const Rules& rules);
void check_columns(tenants::Route& route, const Rules& rules);
void check_columns(tenants::Queue& queue, const Rules& rules);
void check_columns(tenants::Did& did, const Rules& rules);

/// Whether `prefix` is 1 to 60 of a-z, 0-9 and _: "ext_My-own.conf" is a file of the operator's.
bool can_be_prefix(std::string_view prefix);

/// Whether the user has a phone here. One whose calls ring outside may have none, and then needs no password.
bool has_phone(const tenants::User& user);

/// The digits of a DID's number; a leading plus is dropped. Throws Fault for anything else.
std::string did_digits(const tenants::Did& did);

/// Why `limit`, the JSON of limits.max_channels, is not a limit; empty for one that is, and for none.
std::string limit_fault(const std::string& limit);
/// The limit on simultaneous calls; 0 without a limit, or if it is invalid.
int limit_value(const std::string& limit);

} // namespace pbx::dialplan

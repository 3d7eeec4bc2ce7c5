// Rows as they begin when nothing else is given.
#pragma once

#include "tenants/organization.hpp"

#include <string>

namespace pbx::provision {

/// For tenants::Organization, User, Did, Queue, Route and Trunk. Without an id.
template <typename Row>
Row new_row();

/// Fills in what a new user lacks: whether the phone or a number rings, the password, the username. Throws Error
/// (usage) for a password that is too weak.
void complete_user(tenants::User& user, const tenants::Organization& owner);

/// Throws Error (usage) for a password that is too weak; a user may have none.
void require_strong_password(const tenants::User& user, const tenants::Organization& owner);

/// An id for a row that is not in the database yet: a random UUID (RFC 4122, version 4).
std::string make_id();

} // namespace pbx::provision

// Passwords of phones that are easy to guess.
#pragma once

#include "tenants/organization.hpp"

#include <string_view>

namespace pbx::dialplan {

/// Why a user's sip_password is easy to guess, as the end of a sentence: "is shorter than 12 characters" or "is equal
/// to the user's name or number"; empty when it is not. It is compared, ignoring case, with the extension, the
/// username, the full name, each word of it, its words joined, and the name of the phone (`endpoint`).
std::string_view password_fault(const tenants::User& user, std::string_view endpoint);

} // namespace pbx::dialplan

// Which passwords of phones are as good as none.
#pragma once

#include "tenants/organization.hpp"

#include <string_view>

namespace pbx::dialplan {

/// Why a user's sip_password can be guessed, to stand behind "sip_password": "is shorter than 12 characters", "is equal
/// to the user's name or number"; empty when neither is so. It is compared, whatever the case, with the extension, the
/// username, the full name, each word of it, all its words as one, and the name of the phone.
std::string_view password_fault(const tenants::User& user, std::string_view endpoint);

} // namespace pbx::dialplan

// Random passwords and prefixes.
#pragma once

#include <string>

namespace pbx::provision {

/// A password for a phone: 24 letters and digits, without those that look alike, since a person may have to type it.
std::string make_password();

/// "org_" and eight letters or digits.
std::string make_prefix();

} // namespace pbx::provision

// Random passwords and prefixes.
#pragma once

#include <string>
#include <string_view>

namespace pbx::provision {

/// `length` characters of `alphabet`, all equally likely, from the kernel's random generator. Throws Error (software).
std::string random_text(std::string_view alphabet, std::size_t length);

/// A password for a phone: 24 letters and digits, without those that look alike, since a person may have to type it.
std::string make_password();

/// "org_" and eight letters or digits.
std::string make_prefix();

} // namespace pbx::provision

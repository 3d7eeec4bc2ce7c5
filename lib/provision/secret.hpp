// Passwords and names that nobody can guess.
#pragma once

#include <string>
#include <string_view>

namespace pbx::provision {

/// `length` characters of `alphabet`, each as likely as the others, from the kernel's generator.
std::string random_text(std::string_view alphabet, std::size_t length);

/// A password for a phone: letters and digits, without those that look alike, since somebody may type it.
std::string make_password();

/// "org_" and eight letters or digits.
std::string make_prefix();

} // namespace pbx::provision

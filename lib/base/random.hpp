// Random text for names and secrets.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pbx {

/// `length` characters of `alphabet`, all equally likely, from the kernel's random generator. Throws Error (software).
std::string random_text(std::string_view alphabet, std::size_t length);

} // namespace pbx

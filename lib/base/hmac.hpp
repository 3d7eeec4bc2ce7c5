// HMAC-SHA256 (RFC 2104), which only the holder of a key can compute.
#pragma once

#include <string>
#include <string_view>

namespace pbx {

/// Lower-case hex. Throws Error (software).
std::string hmac_sha256(std::string_view key, std::string_view text);

/// Compares two secrets in a time that depends only on their lengths.
bool is_same_secret(std::string_view one, std::string_view other);

} // namespace pbx

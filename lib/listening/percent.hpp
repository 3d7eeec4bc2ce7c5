// The percent-encoding of URLs (RFC 3986, section 2.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pbx::listening {

/// Encodes everything but letters, digits and "-._~", so that the result fits into any part of a URL.
std::string percent_encoded(std::string_view text);

/// Decodes a name or a value of a query. A "+" stays a plus. Nothing when an encoding is incomplete, or decodes to a
/// byte of zero.
std::optional<std::string> percent_decoded(std::string_view text);

} // namespace pbx::listening

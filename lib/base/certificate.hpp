// Certificates, as far as their owner has to renew them.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace pbx {

/// When the first of the certificates in a PEM file expires; nothing when the text has none.
std::optional<std::chrono::sys_seconds> certificate_expiry(std::string_view pem);

} // namespace pbx

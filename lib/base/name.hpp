// Which names from CDRs and the database may become file names.
#pragma once

#include <string>
#include <string_view>

namespace pbx {

/// Why `name` must not become a file name ("it has a slash"); empty when it may. Refuses the empty name, a slash, "..",
/// a leading dot or dash, control characters, and more than 255 bytes.
std::string_view name_fault(std::string_view name);

/// Throws Error (data) "<what> <name> refused: <fault>"; `name` is shortened and made printable.
void require_safe_name(std::string_view name, std::string_view what);

/// `name` for a message: printable(), at most 80 characters.
std::string shown(std::string_view name);

/// Whether `text` is well-formed UTF-8 (RFC 3629). rclone rewrites names that are not.
bool is_utf8(std::string_view text);

} // namespace pbx

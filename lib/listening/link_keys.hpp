// The keys that links are signed with.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::listening {

struct LinkKey {
    std::string id;     ///< 1 to 16 letters, digits, "-" and "_"; it is part of each link
    std::string secret; ///< at least 32 bytes
};

/// Never empty: the first key signs, and each of them verifies.
using LinkKeys = std::vector<LinkKey>;

/// Reads one or two lines "ID SECRET", with the secret in hex or base64. Lines that begin with "#" are comments. `path`
/// is for messages, which contain no secret. Throws Error (config).
LinkKeys parse_link_keys(std::string_view text, const std::string& path);

/// Reads the file of keys, which nobody but its owner may read. Throws Error: config, also when there is no such file
/// or others can read it; no_permission, io.
LinkKeys read_link_keys(const std::filesystem::path& path);

} // namespace pbx::listening

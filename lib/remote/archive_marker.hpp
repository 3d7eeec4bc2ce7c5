// The file that makes a place in the remote an archive. An unmounted disk, a deleted bucket and a mistyped path look
// like an empty archive; the marker is what they lack.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace pbx {

/// Hidden, so that it can be neither a leg nor a stitched recording. It lies beside the legs.
inline constexpr const char* archive_marker_name = ".pbx-archive.json";

struct ArchiveMarker {
    std::string id;      ///< 32 hex digits, never the same twice
    std::string made;    ///< when, in UTC: "2026-04-18T14:40:04Z"
    std::string version; ///< of this suite
};

/// A marker with a new random id. Throws Error (software) when the kernel gives no random bytes.
ArchiveMarker make_archive_marker(std::chrono::sys_seconds now);

/// Whether `text` has the form of a marker's id.
bool is_archive_id(std::string_view text);

/// The marker's JSON, as it is stored, and back; nothing for any other text.
std::string to_json(const ArchiveMarker& marker);
std::optional<ArchiveMarker> parse_archive_marker(std::string_view text);

} // namespace pbx

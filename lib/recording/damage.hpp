// Stitched recordings whose audio is not what their manifest says.
#pragma once

#include "audio/manifest.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace pbx::recording {

/// What is wrong with a recording's audio whose SHA-256 is `found`, in words; empty when it is what the manifest
/// expects, or the manifest has no hash, as those made before there was one.
std::string damage(const audio::Manifest& manifest, std::string_view found);

/// The same for an open recording, whose audio is read where its manifest has a hash. Throws Error (io; data when it is
/// no WAV file).
std::string damage_of_file(int fd, const std::string& what);

/// The modification time, in Unix nanoseconds, of a recording that was found to be damaged and is to be built again. No
/// other has it.
inline constexpr std::int64_t damaged_time = 0;

/// Gives a damaged recording that time, for the next pbx-stitch to see. False when the file is not ours.
bool mark_damaged(int fd);

} // namespace pbx::recording

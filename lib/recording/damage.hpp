// Stitched recordings whose audio is not what their manifest states.
#pragma once

#include "audio/manifest.hpp"
#include "recording/local_legs.hpp"

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace pbx::recording {

/// What is wrong with a recording whose audio has the Checksum `found`; empty when the manifest expects just that, or
/// has none, as recordings made by older versions.
std::string find_damage(const audio::Manifest& manifest, std::string_view found);

/// The same for what it has before the audio: its header, and the manifest in that. Throws Error (io).
std::string find_damage_in_header(const audio::WavHeader& header, const std::optional<audio::Manifest>& manifest,
                                  int fd, const std::string& what);

/// Both for an open recording, whose audio is read where its manifest has a checksum. Throws Error (io; data when
/// it is not a WAV file; temporary when `stop` was requested before the end).
std::string find_damage_in_file(int fd, const std::string& what, const std::stop_token& stop = {});

/// The modification time of a recording that was found to be damaged and must be rebuilt. No other file has it.
inline constexpr FileTime damaged_time{};

/// Gives a damaged recording that time, so that the next pbx-stitch rebuilds it. False when the file is not ours.
bool mark_damaged(int fd);

} // namespace pbx::recording

// One channel of a recording in two, or both in one.
#pragma once

#include "audio/leg_audio.hpp"

#include <string>

namespace pbx::audio {

/// The caller is left, the called side right. `mix` is what a recorder with one channel would have written.
enum class Channel { both, caller, called, mix };

/// As --channel takes it; "both" for the recording itself.
const char* channel_name(Channel channel);

/// Whether `channel` is a part of the recording, or something other than the recording itself.
bool has_channel(const LegAudio& recording, Channel channel);
bool needs_selection(const LegAudio& recording, Channel channel);

/// Writes a channel of a recording in two channels into the empty file `out`: 16-bit PCM in one channel, with the
/// recording's title, artist and date. Throws Error: data when the audio cannot be decoded, cant_create, io.
void select_channel(const LegAudio& recording, Channel channel, int out, const std::string& what);

} // namespace pbx::audio

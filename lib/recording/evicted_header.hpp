// What stays here of a stitched recording that was removed to make room: its header, in the hidden file .NAME.evicted.
#pragma once

#include "base/fd.hpp"
#include "base/folder.hpp"
#include "recording/local_legs.hpp"

#include <optional>
#include <string>

namespace pbx::recording {

/// Keeps the header of the open recording `name`, with the recording's modification time. A header that cannot be kept
/// is a note: the next pbx-stitch then builds the recording again. Throws Error (cant_create).
void keep_evicted_header(const Folder& stitched, const std::string& name, int recording, FileTime modified);

/// Nothing when the recording `name` was not removed to make room. Throws Error (no_permission, io).
std::optional<Fd> find_evicted_header(const Folder& stitched, const std::string& name);

/// Removes `hidden`, the header of an evicted recording, when no pbx-stitch can need it any more. Ignores other names.
/// Throws Error.
void remove_old_header(const Folder& stitched, const std::string& hidden);

} // namespace pbx::recording

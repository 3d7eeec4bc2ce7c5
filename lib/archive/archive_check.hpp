// The first question of each run: is the remote the archive?
#pragma once

#include "archive/other_nodes.hpp"
#include "base/deadline.hpp"
#include "base/folder.hpp"
#include "remote/remote.hpp"

namespace pbx::archive {

/// Throws Error (unavailable, no_permission) when the remote does not answer, has no marker, or another one than this
/// remote had before. The database decides which it had; while it does not answer, the spool does.
void require_archive(Remote& remote, OtherNodes& nodes, const Folder& spool, bool dry_run, const Deadline& deadline);

} // namespace pbx::archive

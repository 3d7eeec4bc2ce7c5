// The end of a run: removes from this disk what the archive has too.
#pragma once

#include "archive/context.hpp"
#include "base/folder.hpp"

namespace pbx::archive {

/// First legs in stitch-src that no call of the last 25 hours needs. Then stitched recordings that are older, or take
/// more of the disk, than keep-stitched allows; then the oldest of them while less than the reserve is free. Nothing is
/// removed that the remote does not confirm. Throws Error.
void make_room(ArchiveContext& context, const Folder& spool);

} // namespace pbx::archive

// One run of pbx-archive: it copies stitched recordings to the remote and moves legs there.
#pragma once

#include "archive/options.hpp"
#include "base/error.hpp"

namespace pbx::archive {

/// A leg leaves the spool only when the remote's own size and MD5 equal those of that very inode, the inode has not
/// changed since, and nobody writes it. One leg that cannot go never stops the others: the result is the worst status
/// of all files. Throws Error when the run as a whole cannot work: no remote (config), no spool, another run
/// (temporary), another node is known while this one has no name of its own (config, see nodes.hpp).
Exit archive_recordings(const ArchiveOptions& options);

} // namespace pbx::archive

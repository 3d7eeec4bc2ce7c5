// Stitched recordings are copied to the remote, and stay on this disk.
#pragma once

#include "archive/context.hpp"

namespace pbx::archive {

/// Copies what is not marked as archived. A damaged recording is not copied but marked for pbx-stitch; a recording of
/// the remote that has a leg which ours lacks stays. Throws Error when the folder cannot be read.
void copy_stitched(ArchiveContext& context);

} // namespace pbx::archive

// Legs are moved to the remote: uploaded, verified there, and removed from the spool.
#pragma once

#include "archive/context.hpp"
#include "archive/other_nodes.hpp"
#include "base/folder.hpp"

namespace pbx::archive {

/// Moves the legs that are old enough and that nobody writes. Failures of single legs go to the report.
void move_legs(ArchiveContext& context, const Folder& spool, OtherNodes& nodes);

} // namespace pbx::archive

// What the spool shows of its legs: their names, and what their headers show of their audio.
#pragma once

#include "base/folder.hpp"
#include "cdr/leg_audit.hpp"

namespace pbx::archive {

/// Adds each leg of the spool. Reads the beginning of each file, and no more. Throws Error (io; no_permission).
void add_spool(cdr::LegAudit& audit, const Folder& spool);

} // namespace pbx::archive

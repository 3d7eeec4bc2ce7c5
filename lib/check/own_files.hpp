// The files and folders that the tools themselves make, and who owns them.
#pragma once

#include "base/deadline.hpp"
#include "base/folder.hpp"
#include "check/findings.hpp"
#include "check/options.hpp"

namespace pbx::check {

/// Looks for files of another owner than the spool's in the spool, `halves`, `stitched` and `stitch-src`, and for
/// folders that the spool's owner could not create. With --fix, root gives files that root left to the spool's owner,
/// and missing folders are created; nothing else is changed. Throws Error.
void check_own_files(const Folder& spool, const CheckOptions& options, const Deadline& deadline, Findings& findings);

} // namespace pbx::check

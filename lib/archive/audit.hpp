// The archive's audit: where the leg of each CDR row is, what it is worth, and which calls were not recorded.
#pragma once

#include "archive/options.hpp"
#include "base/error.hpp"

namespace pbx::archive {

/// Prints the report. Returns data when a leg is missing, ambiguous, differs between spool and archive or from its
/// facts, or has damaged audio. Throws Error: no_input for an account that nobody knows; when the spool, the remote or
/// the database does not answer, nothing is called missing.
Exit audit_recordings(const AuditOptions& options);

} // namespace pbx::archive

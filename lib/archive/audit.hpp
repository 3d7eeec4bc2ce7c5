// The archive's audit: for each recorded CDR row, whether its leg is local, remote, both or missing.
#pragma once

#include "archive/options.hpp"
#include "base/error.hpp"

namespace pbx::archive {

/// Prints the report. Returns data when a leg is missing, ambiguous, or differs between spool and archive. Throws Error
/// when the spool, the remote or the database does not answer: then nothing is called missing.
Exit audit_recordings(const AuditOptions& options);

} // namespace pbx::archive

// The comparison of the archive's own listing, and of the bytes of its objects, with the facts.
#pragma once

#include "archive/options.hpp"
#include "base/error.hpp"

namespace pbx::archive {

/// Prints the report. It holds no lock and writes only to the database, so that archiving goes on beside it. Returns
/// data when an object is damaged, missing or unknown, and temporary when the deadline passed before all that was to be
/// read was read. Throws Error: when the remote or the database does not answer, nothing is called missing.
Exit verify_archive(const VerifyOptions& options);

} // namespace pbx::archive

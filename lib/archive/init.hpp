// "pbx-archive init": makes a place in the remote an archive.
#pragma once

#include "archive/options.hpp"
#include "base/error.hpp"

namespace pbx::archive {

/// Stores the marker in the remote, unless there is one, and remembers its id in the database and in the spool. Creates
/// a folder that is missing, but no bucket. Throws Error: config when no remote is configured, or the marker is not the
/// one that the database remembers; unavailable when the marker that the database remembers is gone, when the bucket
/// does not exist, or when the remote or the database does not answer; temporary while pbx-archive runs.
Exit init_archive(const InitOptions& options);

} // namespace pbx::archive

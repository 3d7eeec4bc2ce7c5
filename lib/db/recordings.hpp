// The facts of archived objects: the table `recordings`.
#pragma once

#include "base/content.hpp"
#include "base/deadline.hpp"

#include <soci/soci.h>

#include <string>
#include <vector>

namespace pbx::db {

/// Adds the facts in `rows`, a JSON array of objects whose keys are the table's columns, and `line`, the order of facts
/// of the same time. archived_at is in microseconds since 1970. For a stitched recording, accountcode and linkedid are
/// what its manifest states; they are stored if CDR rows confirm them. Those of a leg come from the CDR rows that name
/// it, unless rows of several accounts do. Facts replace older ones of the same object, and never newer ones: loading
/// them again changes nothing. Throws Error: unavailable, also when the server does not answer by `deadline`; config
/// when the table is missing; data when the server refuses one of the rows; no_permission.
void store_recordings(soci::session& session, const std::string& rows, const Deadline& deadline);

/// What the bytes of archived objects must be. `paths` are those in the remote: NAME for a leg, stitched/NAME for a
/// stitched recording. One query; objects without facts are not in the result, and there are none while the table does
/// not exist. Throws Error.
KnownContents find_recordings(soci::session& session, const std::vector<std::string>& paths);

} // namespace pbx::db

// The facts of archived objects: the table `recordings`.
#pragma once

#include "base/content.hpp"
#include "base/deadline.hpp"
#include "db/leg_naming.hpp"

#include <soci/soci.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pbx::db {

/// Adds the facts in `rows`, a JSON array of objects whose keys are the table's columns, and `line`, the order of facts
/// of the same time. archived_at is in microseconds since 1970. For a stitched recording, accountcode and linkedid are
/// what its manifest states; they are stored if CDR rows confirm them. Those of a leg come from the CDR rows that name
/// it, unless rows of several accounts claim it. Facts replace older ones of the same object, and never newer ones:
/// loading them again changes nothing. Throws Error: unavailable, also when the server does not answer by `deadline`;
/// config when the table is missing; data when the server refuses one of the rows; no_permission.
void store_recordings(soci::session& session, const LegNaming& naming, const std::string& rows,
                      const Deadline& deadline);

/// When objects were archived, by path.
using ArchiveTimes = std::map<std::string, std::chrono::sys_seconds>;

/// What the bytes of archived objects must be. `paths` are those in the remote: NAME for a leg, stitched/NAME for a
/// stitched recording. One query; objects without facts are not in the result. Fills in `times`, if it is given. Throws
/// Error.
KnownContents find_recordings(soci::session& session, const std::vector<std::string>& paths,
                              ArchiveTimes* times = nullptr);

/// The facts of one object, as verify reports them.
struct RecordedFacts {
    Content content;
    std::int64_t archived_at = 0; ///< microseconds since 1970; other facts of the object have another time
    std::string accountcode;      ///< empty, like linkedid, where no owner is known
    std::string linkedid;
};

/// By path, as find_recordings() has them. Throws Error as store_recordings() does.
std::map<std::string, RecordedFacts> recorded_facts(soci::session& session, const std::vector<std::string>& paths,
                                                    const Deadline& deadline);

/// Adds the facts in `rows`, as for store_recordings() and without a line, of objects that have none; facts that exist
/// are never changed. The owner of a stitched recording is the call that its name states, if CDR rows confirm it.
/// Returns how many were added. Throws Error as store_recordings() does.
std::int64_t adopt_recordings(soci::session& session, const LegNaming& naming, const std::string& rows,
                              const Deadline& deadline);

/// Notes that the bytes of objects were just read and are those of their facts; `rows` are what was read, with size and
/// MD5, so that facts which were replaced meanwhile are not touched. Fills in what the facts lack: SHA-256 and sound.
/// Throws Error as store_recordings() does.
void mark_verified(soci::session& session, const std::string& rows, const Deadline& deadline);

/// Fills in the owners of objects archived at `since` or later, if it is given, that had none, where CDR rows that
/// arrived meanwhile name exactly one. Costs a look-up in an index for each such object. Throws Error as
/// store_recordings() does.
void name_owners(soci::session& session, const LegNaming& naming, std::optional<std::chrono::sys_seconds> since,
                 const Deadline& deadline);

/// A query, to be joined laterally, for the owner (accountcode, linkedid) of an object `g` (shelf, name), by its name
/// and the CDR rows. It has no row where these name no owner, or several.
std::string owner_of_object(const LegNaming& naming);

} // namespace pbx::db

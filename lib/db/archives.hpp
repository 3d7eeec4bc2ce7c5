// The archives that were made or adopted with "pbx-archive init": the table `archives`.
#pragma once

#include "base/deadline.hpp"

#include <soci/soci.h>

#include <optional>
#include <string>
#include <vector>

namespace pbx::db {

/// The ids that the marker of `remote`, a path without options, may have: the one that is remembered for this path, or,
/// if there is none, those of every archive. Throws Error: unavailable, also when the server does not answer by
/// `deadline`; config when the table is missing; no_permission.
std::vector<std::string> accepted_archives(soci::session& session, const std::string& remote, const Deadline& deadline);

/// The memory of one remote, for "pbx-archive init". While it exists, no other session can change any.
class ArchiveRecord {
  public:
    /// Throws Error as accepted_archives() does.
    ArchiveRecord(soci::session& session, const std::string& remote, const Deadline& deadline);

    /// The id that is remembered; nothing when there is none.
    const std::optional<std::string>& id() const { return id_; }

    /// Remembers `id` instead, and commits. Throws Error.
    void remember(const std::string& id);

  private:
    soci::session& session_;
    soci::transaction transaction_;
    std::string remote_;
    std::optional<std::string> id_;
};

} // namespace pbx::db

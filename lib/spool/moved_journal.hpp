// Which legs left the spool for the archive in the last days: a hidden journal in the spool.
#pragma once

#include "base/error.hpp"
#include "base/folder.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::spool {

/// Writes and syncs the names of legs that are about to leave; a name too many does no harm. A node stitches the calls
/// of which it holds, or held, a leg, and after the archive's run only this journal knows the latter. There is one file
/// per day (UTC), .moved-YYYYMMDD, with one line per leg: Unix time, tab, name. Files older than eight days are
/// removed.
///
/// Returns the error when the disk or a quota is full, since the removal of a leg can make room then. Throws every
/// other Error: cant_create; no_permission when what lies under the journal's name must not be trusted.
std::optional<Error> record_moved_legs(const Folder& spool, const std::vector<std::string>& names,
                                       std::chrono::sys_seconds now);

class MovedLegs {
  public:
    /// The legs that left at `since` or later, at most eight days ago. A day whose journal cannot be read or trusted,
    /// or is over 256 MiB long (four million legs), is in faults(); the other days are known.
    static MovedLegs since(const Folder& spool, std::chrono::sys_seconds since);

    /// Answers yes for a leg that did not leave once in 10^13 names.
    bool contains(std::string_view name) const;
    const std::vector<Error>& faults() const { return faults_; }

  private:
    void read(const Folder& spool, const std::string& journal, std::chrono::sys_seconds since);
    void add_lines(std::string_view lines, std::chrono::sys_seconds since);

    std::vector<std::size_t> hashes_; ///< of the names, sorted: a busy day has a million names
    std::vector<Error> faults_;
};

} // namespace pbx::spool

// Which legs left the spool for the archive in the last days: a hidden journal in the spool.
#pragma once

#include "base/error.hpp"
#include "base/folder.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::recording {

/// A node stitches the calls of which it holds, or held, a leg; after the archive's run only this journal knows. One
/// file a day (UTC), .moved-YYYYMMDD, a line a leg: Unix time, tab, name. Days older than eight are dropped.
class Moved {
  public:
    /// Writes and syncs, before the legs go: a name too many does no harm. Throws Error: cant_create; no_permission
    /// when what lies under the journal's name is not a journal of ours.
    static void append(const Folder& spool, const std::vector<std::string>& names, std::int64_t now);

    /// The legs that left at `since` (Unix time) or later. A day whose journal cannot be read, is not ours, or is over
    /// 256 MiB long, which is four million legs, is in faults(), and the others are known. Throws Error (io).
    static Moved since(const Folder& spool, std::int64_t since);

    /// Once in a 10^13 names, "yes" for one that is not there.
    bool contains(std::string_view name) const;
    const std::vector<Error>& faults() const { return faults_; }

  private:
    void read(const Folder& spool, const std::string& journal, std::int64_t since);

    std::vector<std::size_t> names_; ///< their hashes in order: a busy day has a million names
    std::vector<Error> faults_;
};

} // namespace pbx::recording

// Which legs left the spool for the archive in the last days: a hidden journal in the spool.
#pragma once

#include "base/folder.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace pbx::recording {

/// A node stitches the calls of which it holds, or held, a leg; after the archive's run only this journal knows. One
/// file a day (UTC), .moved-YYYYMMDD, a line a leg: Unix time, tab, name. Days older than eight are dropped.
class Moved {
  public:
    /// Writes and syncs, before the legs go: a name too many does no harm. Throws Error (cant_create).
    static void append(const Folder& spool, const std::vector<std::string>& names, std::int64_t now);

    /// The legs that left at `since` (Unix time) or later. Throws Error (io).
    static Moved since(const Folder& spool, std::int64_t since);

    bool contains(std::string_view name) const { return names_.contains(std::string{name}); }
    std::size_t size() const { return names_.size(); }

  private:
    std::unordered_set<std::string> names_;
};

} // namespace pbx::recording

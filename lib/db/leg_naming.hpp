// Which leg a CDR row names: its recordingfile is the leg's name, or a path in the spool.
#pragma once

#include "base/spool_layout.hpp"

#include <string>
#include <vector>

namespace pbx::db {

/// SQL expressions over a column `recordingfile`. A leg is known by its base name alone, wherever it lies: in the
/// spool, in the cache, in the archive. `column` is an SQL expression, and so is `leg`, which is never null.
class LegNaming {
  public:
    /// `spools` are the absolute paths of the spool, without a slash at the end; there are two where links lead to it.
    LegNaming(const std::vector<std::string>& spools, SpoolLayout layout);

    /// Everything after the last slash. The migration cdr-leg-index has an index on this expression and accountcode.
    static std::string base_name(const std::string& column);

    /// The leg that the row names: the base name of a path in the spool. Any other path stays as it is: with its slash
    /// it is the name of no file, and is refused by name (base/name.hpp).
    std::string leg(const std::string& column) const;

    /// The condition that the row names `leg`.
    std::string names(const std::string& column, const std::string& leg) const;

    /// The condition that the row claims `leg` for its account: it does so whatever its folder. A path of another
    /// machine's spool, or of an earlier one, may mean the leg that the archive has under the same name.
    static std::string claims(const std::string& column, const std::string& leg);

    /// The day's folder in the path that the row names; null in the flat layout and where there is none.
    std::string day(const std::string& column) const;

  private:
    SpoolLayout layout_;
    std::string named_; ///< the regular expression of paths that name a leg, as an SQL literal
};

} // namespace pbx::db

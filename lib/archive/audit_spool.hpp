// What the spool shows of its legs: their names, and what their headers show of their audio.
#pragma once

#include "base/error.hpp"
#include "cdr/leg_audit.hpp"
#include "spool/leg_folders.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace pbx::archive {

/// What is wrong with single legs. Their names may be another account's than the one that is audited.
struct SpoolFaults {
    spool::SameNames twice;                      ///< several files have the name: such a leg differs from itself
    std::map<std::string, std::string> unjudged; ///< by leg: why its audio could not be looked at
};

/// Adds each leg of the spool and the folders of `days`. Reads the beginning of each file, and no more. A folder that
/// cannot be listed goes to `fault`, since its legs seem to be missing, and its day leaves `days`. Throws Error when
/// the spool itself cannot be listed, or the database fails.
SpoolFaults add_spool(cdr::LegAudit& audit, const spool::LegFolders& folders, std::vector<spool::Day>& days,
                      const std::function<void(const Error&)>& fault);

} // namespace pbx::archive

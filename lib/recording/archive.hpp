// The archive's run: stitched recordings are copied to the remote, legs are moved there.
#pragma once

#include "base/error.hpp"
#include "recording/places.hpp"

#include <chrono>
#include <string>

namespace pbx::recording {

struct ArchiveOptions {
    Places places;
    std::string database; ///< asked for other nodes, where it answers; archiving itself needs none
    std::string node;     ///< this machine's name among several; empty: none
    std::chrono::seconds min_age = std::chrono::minutes{5};
    std::chrono::seconds timeout = std::chrono::minutes{50};
    bool dry_run = false;
    bool json = false;   ///< a report on stdout
    std::string metrics; ///< a file for monitoring, see metrics.hpp; not of a dry run
};

/// A leg leaves the spool only when the remote's own size and MD5 equal those of that very inode, the inode has not
/// changed since, and nobody writes it. One leg that cannot go never stops the others: returns the worst of what was
/// met. Throws Error when the run as a whole cannot work: no remote (config), no spool, another run (temporary),
/// another node known while this one has no name of its own (config, nodes.hpp).
Exit archive(const ArchiveOptions& options);

} // namespace pbx::recording

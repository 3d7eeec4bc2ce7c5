// Archiving needs no database, so the id is also kept in the spool.
#include "archive/archive_check.hpp"

#include "archive/known_archive.hpp"
#include "base/log.hpp"
#include "remote/archive_marker.hpp"

#include <string>
#include <vector>

namespace pbx::archive {

namespace {

// A full disk must not stop a run, since the removal of legs makes room.
void keep_id(const Remote& remote, const Folder& spool, const std::string& id, const Deadline& deadline) {
    try {
        keep_known_archive(spool, remote.display_path(), id, deadline);
    } catch (const Error& error) {
        log::note("the archive's id is not kept in the spool: {}", error.what());
    }
}

} // namespace

void require_archive(Remote& remote, OtherNodes& nodes, const Folder& spool, bool dry_run, const Deadline& deadline) {
    const auto accepted = nodes.accepted_archives(remote.display_path());
    if (accepted)
        remote.accept_only(*accepted);
    else if (const auto known = known_archive(spool, remote.display_path()))
        remote.accept_only({*known});
    remote.require_archive(deadline);
    if (accepted && !dry_run)
        keep_id(remote, spool, parse_archive_marker(remote.marker_text(deadline))->id, deadline);
}

} // namespace pbx::archive

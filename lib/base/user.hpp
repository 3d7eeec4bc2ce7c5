// Switches to the user whose folder a run works in.
#pragma once

#include <filesystem>

namespace pbx {

/// When root runs on another user's folder, the process becomes that user for good, so that its files belong to that
/// user and its children have no more rights than in a run from cron. Groups come from initgroups(3), and HOME, USER
/// and LOGNAME from the passwd database; XDG_* and a TMPDIR that the user cannot write are dropped. Nothing changes for
/// other users, for root's own folder, or for a missing folder. Call it before starting threads or opening files.
/// Throws Error (no_permission) when a link of a third user leads to the folder, or the system refuses.
void become_owner_of(const std::filesystem::path& folder);

} // namespace pbx

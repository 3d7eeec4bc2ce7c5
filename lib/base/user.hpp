// Becoming the user whose folder a run works in.
#pragma once

#include <filesystem>

namespace pbx {

/// Run as root on a folder that another user owns, the process goes on as that user for good, so that what it makes is
/// that user's and what it starts has no more rights than a run from cron: groups by initgroups(3), HOME, USER and
/// LOGNAME from the passwd database; XDG_* and a TMPDIR that the user cannot write are dropped. Anyone else's process,
/// root in a folder of its own, and a folder that is not there change nothing. To be called before threads, files and
/// connections. Throws Error (no_permission) when a link of a third user leads to the folder, or the system refuses.
void become_owner_of(const std::filesystem::path& folder);

} // namespace pbx

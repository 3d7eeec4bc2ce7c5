// What a leg remembers about a pause in its recording: an extended attribute, gone when the file is replaced.
#pragma once

#include <chrono>
#include <string>

namespace pbx::spool {

/// Marks the leg at `path`: its recorder has closed the file, and goes on with it when the pause ends, at `until` at
/// the latest. An archive that moved it meanwhile would have its beginning, and the spool the rest. False, with errno
/// set, where the file system has no such attributes or the file belongs to another user.
bool mark_paused(const std::string& path, std::chrono::sys_seconds until);

/// Until when the recording in the open file `fd` may be paused; 1970 for a file without a mark.
std::chrono::sys_seconds paused_until(int fd);

} // namespace pbx::spool

// Which files in the spool are legs: for the archive, which moves them, and for the audit, which counts them.
#pragma once

#include "base/folder.hpp"

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>

namespace pbx::spool {

/// Whether a leg can have this name: NAME.wav or NAME.WAV, not hidden.
bool is_leg_name(std::string_view name);

/// What lies in the folder under a leg's name: nothing for other names, for a free name, and for a folder. It is a leg
/// when it is a regular file; anything else is reported by whoever opens it. Throws Error (io).
std::optional<struct stat> find_leg(const Folder& folder, const std::string& name);

} // namespace pbx::spool

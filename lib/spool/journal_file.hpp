// Hidden append-only files of lines in the spool, which survive a power failure.
#pragma once

#include "base/error.hpp"
#include "base/folder.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace pbx::spool {

struct Appended {
    bool is_new = false;            ///< the file did not exist
    std::optional<Error> disk_full; ///< the disk or a quota is full: nothing of the text counts as written
};

/// Appends `lines` to the file `name` and syncs the file and the folder. Begins with a line break, which ends a line
/// that a full disk or a kill may have torn; readers skip empty and torn lines. Throws Error: cant_create;
/// no_permission when what lies under that name must not be trusted.
Appended append_lines(const Folder& spool, const std::string& name, std::string_view lines);

} // namespace pbx::spool

// Which archive this machine works with, for runs while the database does not answer: a hidden file in the spool.
#pragma once

#include "base/deadline.hpp"
#include "base/folder.hpp"

#include <optional>
#include <string>

namespace pbx::archive {

/// The id that the remote's archive had when the database was last asked; nothing when this is not known. `remote` is a
/// path without options. Throws Error as open_trusted() does.
std::optional<std::string> known_archive(const Folder& spool, const std::string& remote);

/// Keeps the id for known_archive(). Does nothing if the file already has this id. Throws Error (cant_create,
/// no_permission, temporary).
void keep_known_archive(const Folder& spool, const std::string& remote, const std::string& id,
                        const Deadline& deadline);

} // namespace pbx::archive

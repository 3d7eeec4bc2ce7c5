// Files whose content is believed: configuration, keys, journals.
#pragma once

#include "base/fd.hpp"
#include "base/folder.hpp"

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace pbx {

/// Reads a configuration or key file that decides what we do, for example which program runs. Believed is only a
/// regular file of root's or of the effective user's, that no other user can write: not its group, unless that is the
/// owner's private one (the primary group, of the same name, without other members: what useradd makes, with umask
/// 002), and not everybody; in a folder of root's or of that user's, that is not writable for everybody, unless sticky.
/// A symbolic link counts as what it leads to. Nothing when there is no such file. Throws Error: no_permission when it
/// must not be believed, with the command that helps; data when it is longer than `most` bytes; io.
std::optional<std::string> read_trusted(const std::filesystem::path& path, std::size_t most);

/// Opens for reading a file of ours in a folder of ours, such as a journal; nothing when there is none. Believed is a
/// regular file with one name only, of root's, of the effective user's or of the folder's owner, that no other user can
/// write. Throws Error: no_permission when it must not be believed or cannot be read, with the command that helps; io.
std::optional<Fd> open_trusted(const Folder& folder, const std::string& name);

/// Why somebody other than root and `user` could replace or change what lies at `path`, naming the part of the path
/// ("/opt/pbx belongs to the user mallory"); empty when nobody could. `path` is absolute and without symbolic links.
/// Folders with the sticky bit may be writable by all. A group whose only member is the owner is no other user.
std::string trust_fault(const std::filesystem::path& path, uid_t user);

} // namespace pbx

// Reads files whose content we trust: configuration, keys, journals.
#pragma once

#include "base/fd.hpp"
#include "base/folder.hpp"

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace pbx {

/// Reads a configuration or key file that decides what we do, for example which program runs. The file must be regular,
/// belong to root or the effective user, and not be writable by others: neither by everybody nor by its group, unless
/// that is the owner's private group (primary, of the same name, without other members, as useradd creates it). Its
/// folder must belong to root or that user, and not be writable by everybody unless it is sticky. A symbolic link
/// counts as its target. Returns nothing when there is no such file. Throws Error: no_permission, with a command that
/// helps, for a file that fails this check; data when it is longer than `most` bytes; io.
std::optional<std::string> read_trusted(const std::filesystem::path& path, std::size_t most);

/// read_trusted() for a file that nobody but its owner may read. Throws Error also: config when others can.
std::optional<std::string> read_secret(const std::filesystem::path& path, std::size_t most);

/// Opens a file of ours in a folder of ours for reading, such as a journal; returns nothing when there is none. The
/// file must be regular, have only one name, belong to root, the effective user or the folder's owner, and not be
/// writable by others. Throws Error: no_permission, with a command that helps, for any other or unreadable file; io.
std::optional<Fd> open_trusted(const Folder& folder, const std::string& name);

/// Why a user other than root and `user` could replace or change the file at `path`, naming the part of the path
/// ("/opt/pbx belongs to the user mallory"); empty when nobody could. `path` must be absolute, without symbolic links.
/// Sticky folders may be writable by everybody, and files by a group whose only member is the owner.
std::string trust_fault(const std::filesystem::path& path, uid_t user);

} // namespace pbx

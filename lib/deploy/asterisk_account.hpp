// The account that the private Asterisk runs as, and what it may run and use: nothing that another user can change.
#pragma once

#include "base/folder.hpp"
#include "base/identity.hpp"

#include <filesystem>
#include <string>

namespace pbx::deploy {

// These throw Error: no_permission for a file or folder that another user than `user` and root can change, unavailable
// for a program that does not exist.

/// The owner of the Asterisk folder. Where that is root: asterisk, or else nobody.
Identity asterisk_account(const Folder& folder);

/// Whether there is a file that `program` names.
bool is_installed(const std::string& program);

/// What to do where it is not.
extern const char* const install_hint;

/// The file that `program` names, by its path or in PATH, without symbolic links.
std::string trusted_program(const std::string& program, uid_t user);

/// The lines for [directories] of asterisk.conf that name the modules and documentation of the installed Asterisk, if
/// its own asterisk.conf names them. What is loaded from these folders runs as `user`.
std::string installed_folders(const Folder& folder, const Identity& user);

/// Where the folder of a private Asterisk can be.
std::filesystem::path trusted_temporary_folder(const Identity& user);

} // namespace pbx::deploy

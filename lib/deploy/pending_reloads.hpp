// The main files that have changed and that Asterisk has not loaded since. A file of the Asterisk folder lists them
// from before the first change until after the last reload, so that the run after one that was killed reloads them.
#pragma once

#include "base/deadline.hpp"
#include "base/folder.hpp"

#include <set>
#include <string>

namespace pbx::deploy {

// The caller holds the lock of the folder. These throw Error (io, cant_create, no_permission).

std::set<std::string> read_pending_reloads(const Folder& folder);
void write_pending_reloads(const Folder& folder, const std::set<std::string>& main_files, const Deadline& deadline);
void clear_pending_reloads(const Folder& folder);

} // namespace pbx::deploy

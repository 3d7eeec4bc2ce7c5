// Removes recordings, of which a recorder may want one again at any moment.
#pragma once

#include "base/folder.hpp"
#include "base/lease.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pbx::spool {

struct LeasedFile {
    std::string name;
    const ReadLease* lease;
};

/// Removes all of `files`, or none if a process is opening one of them for writing: it has found the file under its
/// name and waits for the lease, and would go on in a file that has no name any more. Returns whether they are gone.
/// Throws Error (cant_create).
bool remove_unless_opened(const Folder& folder, const std::vector<LeasedFile>& files);

/// The name that a file has while it is removed, and after a run that was killed then.
std::string hidden_name(const std::string& name);
/// The file's own name if `name` is one that a killed run has left; otherwise empty.
std::string original_name(const std::string& name);

/// If `name` is one that a killed run has left, gives the file its own name back, and returns that. Nothing when it is
/// not, or when another file has the name now, with a warning.
std::optional<std::string> restore_name(const Folder& folder, const std::string& name);

} // namespace pbx::spool

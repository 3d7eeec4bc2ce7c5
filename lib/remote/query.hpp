// What the remote holds: questions about named objects, and a listing of everything.
#pragma once

#include "base/deadline.hpp"
#include "remote/object.hpp"
#include "remote/remote.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pbx {

/// A name in neither of the two is definitely absent: the remote answered, and its marker was seen.
struct FoundObjects {
    std::map<std::string, RemoteObject> objects;
    /// unavailable: the remote does not answer, it is not the archive, or the answer makes no sense;
    /// no_permission: it is forbidden; data: the remote cannot store an object of this name.
    ObjectFailures failures;
};

/// Few rclone runs, whatever the number of names. Throws Error only when rclone cannot be run.
FoundObjects find_objects(Remote& remote, Shelf shelf, std::vector<std::string> names, const Deadline& deadline);

/// find_objects() for one name; nothing when it is definitely absent. Throws its failure.
std::optional<RemoteObject> find_object(Remote& remote, Shelf shelf, const std::string& name, const Deadline& deadline);

/// Whether a listing is to have the MD5 of each object. Only buckets keep it: other remotes would read every file.
enum class ListedHashes { not_wanted, wanted };

/// Calls `each` for everything in the remote, in one listing, as it comes; paths are relative to the remote
/// ("stitched/x.wav"). Skips paths that cannot be a leg or a stitched recording. Throws Error when the listing did not
/// come to its end.
void list_objects(Remote& remote, const std::function<void(const std::string& path, const RemoteObject&)>& each,
                  const Deadline& deadline, ListedHashes hashes = ListedHashes::not_wanted);

} // namespace pbx

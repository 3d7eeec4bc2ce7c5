// Moving bytes between the remote and this machine.
#pragma once

#include "base/content.hpp"
#include "base/deadline.hpp"
#include "base/folder.hpp"
#include "base/subprocess.hpp"
#include "remote/object.hpp"
#include "remote/paced_runs.hpp"
#include "remote/remote.hpp"

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace pbx {

/// A name in none of the three is definitely absent.
struct FetchedObjects {
    std::set<std::string> present; ///< in the folder now
    ObjectFailures failures; ///< as in FoundObjects; also data: it arrived corrupted, cant_create: the disk is full
    ObjectFailures damaged;  ///< data: what the remote stores is not what was archived
};

/// Brings objects into `folder`: each appears there whole, synced, equal to the remote's own size and MD5 and to what
/// `expected` has for it, or not at all. Few rclone runs. Throws Error when rclone or the folder cannot be used at all.
FetchedObjects fetch_objects(Remote& remote, Shelf shelf, const std::vector<std::string>& names, const Folder& folder,
                             const Deadline& deadline, const KnownContents& expected = {});

/// The same for many objects of which most have facts in `expected`: those are fetched without a question first.
FetchedObjects fetch_known_objects(Remote& remote, Shelf shelf, const std::vector<std::string>& names,
                                   const Folder& folder, const Deadline& deadline, const KnownContents& expected);

/// Passes one object to `sink`, and compares it with `expected` as it flows. Throws Error when it is not that: data
/// (other bytes, or the remote itself reports another size), unavailable (cut short on its way), no_permission. A sink
/// that throws ends it. Returns false when the object is definitely absent.
bool stream_object(Remote& remote, Shelf shelf, const std::string& name, const Content& expected, const Sink& sink,
                   const Deadline& deadline);

/// Passes `length` bytes of an object from `offset` to `sink`; it must have so many. They are compared with nothing.
/// Throws Error: unavailable, also when there are fewer; no_permission; data. A sink that throws ends it.
void stream_part(Remote& remote, Shelf shelf, const std::string& name, std::uint64_t offset, std::uint64_t length,
                 const Sink& sink, const Deadline& deadline);

/// The first `length` bytes of an object, as find_objects() reported it, or all of it when it is shorter. Throws Error.
std::string read_beginning(Remote& remote, Shelf shelf, const std::string& name, const RemoteObject& object,
                           std::size_t length, const Deadline& deadline);

/// Copies files of `folder` to the remote, over what has their names there, at the pace of the line. Returns the files
/// that rclone reported an error for, or that were not tried; whether the others arrived must be asked with
/// find_objects() or read_back(). Throws Error when rclone cannot be run.
ObjectFailures upload_files(Remote& remote, const Folder& folder, Shelf shelf, const std::vector<SizedName>& files,
                            const Deadline& deadline);

/// MD5 of objects as read back byte by byte, for remotes without hashes of their own. Few rclone runs. A name that
/// could not be read is not in the result. Throws Error when rclone cannot be run.
std::map<std::string, std::string>
read_back(Remote& remote, Shelf shelf, const std::map<std::string, RemoteObject>& objects, const Deadline& deadline);

} // namespace pbx

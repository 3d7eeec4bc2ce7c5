// The archive: an rclone remote as functions that tell absent from forbidden from unavailable from corrupt.
#pragma once

#include "base/deadline.hpp"
#include "base/folder.hpp"
#include "base/subprocess.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pbx {

/// What the remote itself says of one object.
struct RemoteObject {
    std::uint64_t size = 0;
    std::string md5;           ///< lower-case hex; empty where the remote has none (composite objects, webdav)
    std::int64_t modified = 0; ///< Unix time, as rclone keeps it beside the object
};

/// Where in the remote: legs lie at its root, stitched recordings below it.
enum class Shelf { legs, stitched };

class Remote {
  public:
    /// `path` is an rclone path; `rclone` the program. Children inherit `lock` (-1: none), so that a killed run's
    /// rclone still holds it. Nothing is run yet.
    Remote(std::string path, std::string rclone, int lock = -1);

    /// The objects under these names that exist; a name that is not in the answer is definitely absent (also the bucket
    /// was seen). Few rclone runs, whatever the number of names. Throws Error: unavailable when the remote does not
    /// answer or the bucket or folder is not there, no_permission when it forbids one of them.
    std::map<std::string, RemoteObject> look(Shelf shelf, const std::vector<std::string>& names,
                                             const Deadline& deadline) const;

    /// Brings these objects into `folder`: each appears there whole, synced and equal to the remote's own size and MD5,
    /// or not at all. Returns the names that are there now; the others are definitely absent. Few rclone runs. Throws
    /// Error like look(), and data for what arrived corrupted.
    std::set<std::string> fetch(Shelf shelf, const std::vector<std::string>& names, const Folder& folder,
                                const Deadline& deadline) const;

    /// Streams one object that look() has shown, and compares size and MD5 as it flows. Throws Error when what flowed
    /// is not that object: unavailable (cut), data (corrupt), no_permission. A sink that throws ends it.
    void stream(Shelf shelf, const std::string& name, const RemoteObject& object, const Sink& sink,
                const Deadline& deadline) const;

    /// The first `length` bytes of an object that look() has shown.
    std::string head(Shelf shelf, const std::string& name, std::size_t length, const Deadline& deadline) const;

    /// Copies files of `folder` to the remote, over what has their name there; what really arrived is for look() or
    /// read_back() to say. Throws Error when rclone cannot run or was ended; single failures come as words in the
    /// result.
    std::string upload(const Folder& folder, Shelf shelf, const std::vector<std::string>& names,
                       const Deadline& deadline) const;

    /// MD5 of these objects as read back byte by byte: for remotes without hashes of their own. Few rclone runs.
    std::map<std::string, std::string> read_back(Shelf shelf, const std::vector<std::string>& names,
                                                 const Deadline& deadline) const;

    const std::string& path() const { return path_; }

  private:
    std::string path_;
    std::string rclone_;
    int lock_;
};

} // namespace pbx

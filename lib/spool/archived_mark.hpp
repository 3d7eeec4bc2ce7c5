// What a file itself remembers about its copy in the archive: an extended attribute, gone when the file is replaced.
#pragma once

#include "remote/object.hpp"

#include <sys/stat.h>

#include <optional>
#include <string>

namespace pbx::spool {

/// "This content lies in that remote": with it an hourly run need not ask the remote about everything ever stored.
class ArchivedMark {
  public:
    /// `remote` is the path with its shelf. Its hash is part of the mark, so that the mark does not count for another
    /// remote.
    explicit ArchivedMark(const std::string& remote);

    /// Whether the file at `path` has the mark for this remote and for its present size and modification time.
    bool is_set(const std::string& path, const struct stat& file) const;

    /// Marks the open file as stored with `md5`. False, with errno set, where the file system has no such attributes or
    /// the file belongs to another user.
    bool set(int fd, const struct stat& file, const std::string& md5) const;

    /// Takes the mark away from the file at `path`. False when it had none.
    static bool remove(const std::string& path);

    /// The copy of the open file that an earlier run stored, even if the file has changed since.
    std::optional<RemoteObject> earlier_copy(int fd) const;

  private:
    std::string remote_;
};

/// The mark of legs in the remote at this path.
inline ArchivedMark mark_of_legs(const std::string& remote) {
    return ArchivedMark{remote + " legs"};
}

} // namespace pbx::spool

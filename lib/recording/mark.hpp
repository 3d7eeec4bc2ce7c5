// What a file itself remembers of its copy in the archive: an extended attribute, gone when the file is replaced.
#pragma once

#include "remote/remote.hpp"

#include <sys/stat.h>

#include <optional>
#include <string>

namespace pbx::recording {

/// "This content lies in that remote": so that an hourly run need not ask the remote about all that ever was stored.
class Mark {
  public:
    /// `remote` is the path with its shelf, whose hash goes into the mark: another remote knows nothing of the file.
    explicit Mark(const std::string& remote);

    /// Whether the file at `path` carries the mark for this remote and for its present size and modification time.
    bool is_on(const std::string& path, const struct stat& file) const;

    /// Marks the open file as lying there with `md5`. False where the file system has no such attributes, or the file
    /// is not ours to mark.
    bool put(int fd, const struct stat& file, const std::string& md5) const;

    /// The copy that an earlier run stored of the open file, whatever became of the file since.
    std::optional<RemoteObject> stored(int fd) const;

  private:
    std::string remote_;
};

} // namespace pbx::recording

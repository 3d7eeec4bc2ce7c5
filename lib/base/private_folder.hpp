// A folder in which things grow until they are whole, swept by a later run when its own was killed.
#pragma once

#include "base/folder.hpp"

#include <functional>
#include <optional>
#include <string>

namespace pbx {

/// Made as `parent`/`name`/XXXXXX, or in a folder that is shared with others such as /tmp; removed with what is in it
/// at the end. It is held by flock(2), by us and by children that inherit folder().fd(); those that nobody holds any
/// more are swept when the next one is made.
class PrivateFolder {
  public:
    /// `name` is hidden, ".incoming". Throws Error (cant_create, no_permission).
    PrivateFolder(const Folder& parent, const std::string& name);
    /// Made as `shared`/`begin`XXXXXX, of mode 0700; of those with the same beginning only `user`'s are swept. Throws
    /// Error (cant_create, no_permission).
    PrivateFolder(Folder shared, std::string begin, uid_t user);
    ~PrivateFolder();
    PrivateFolder(const PrivateFolder&) = delete;
    PrivateFolder& operator=(const PrivateFolder&) = delete;

    const Folder& folder() const { return *folder_; }

  private:
    void make(const std::function<void()>& renew_above);
    void sweep() const;

    std::string begin_; ///< of the name; empty: the folder above is ours too
    uid_t user_ = 0;    ///< whose folders are swept where others have theirs beside them
    Folder above_;
    std::optional<Folder> folder_;
};

} // namespace pbx

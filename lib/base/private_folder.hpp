// A folder for unfinished files. If its run is killed, a later run removes it.
#pragma once

#include "base/folder.hpp"

#include <functional>
#include <optional>
#include <string>

namespace pbx {

/// Created as `parent`/`name`/XXXXXX, or in a shared folder such as /tmp. The destructor removes it with its content.
/// We lock it with flock(2), as do children that inherit folder().fd(). Creating the next one removes those that nobody
/// locks any more.
class PrivateFolder {
  public:
    /// `name` is hidden, such as ".incoming". Throws Error (cant_create, no_permission).
    PrivateFolder(const Folder& parent, const std::string& name);
    /// Created as `shared`/`begin`XXXXXX, mode 0700. Of the folders with the same beginning it removes only `user`'s.
    /// Throws Error (cant_create, no_permission).
    PrivateFolder(Folder shared, std::string begin, uid_t user);
    ~PrivateFolder();
    PrivateFolder(const PrivateFolder&) = delete;
    PrivateFolder& operator=(const PrivateFolder&) = delete;

    const Folder& folder() const { return *folder_; }

  private:
    void make(const std::function<void()>& renew_above);
    void sweep() const;

    std::string begin_; ///< prefix of the name; empty: above_ is ours too
    uid_t user_ = 0;    ///< whose folders are swept in a shared folder
    Folder above_;
    std::optional<Folder> folder_;
};

} // namespace pbx

// A folder held by its descriptor: names in it are opened beneath it and never through a symbolic link.
#pragma once

#include "base/error.hpp"
#include "base/fd.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace pbx {

/// Opens only regular files for reading, because a FIFO would block and a device may act. Every `name` must have passed
/// require_safe_name or be a hidden name of ours; it never contains a slash, so it cannot leave the folder.
class Folder {
  public:
    /// Throws Error (io, no_permission) when `path` is missing or is not a folder.
    static Folder open(const std::filesystem::path& path);
    /// Like open(), but first creates `path` and its parents (0750) where missing. A folder that root creates belongs
    /// to the owner of `like`, or else of its parent. Throws Error (cant_create, no_permission).
    static Folder create(const std::filesystem::path& path, const Folder* like = nullptr);

    const std::filesystem::path& path() const { return path_; }
    int fd() const { return fd_.get(); }
    std::string path_of(std::string_view name) const { return (path_ / name).native(); }

    /// The status of `name` (of a link itself, not its target); nothing when there is no such name. Throws Error (io).
    std::optional<struct stat> look(const std::string& name) const;

    /// Opens a regular file for reading; nothing when there is no such name. Throws Error: data when it is not a
    /// regular file, no_permission, io.
    std::optional<Fd> find(const std::string& name) const;

    /// Opens a folder in this one; nothing when there is no such name. Throws Error: data when it is not a folder,
    /// no_permission, io.
    std::optional<Folder> find_folder(const std::string& name) const;

    /// Removes `name`; a name that is already gone is fine. Throws Error (cant_create).
    void remove(const std::string& name) const;

    /// The status of the folder itself. What we create in it gets its owner and group. Throws Error (io).
    struct stat owner() const;

    /// Gives an open file or folder of ours to the owner and group of this folder, so that it does not matter who ran
    /// us: root sets both, a member of the group sets the group. Throws Error (no_permission).
    void give_to_owner(int fd) const;

    /// The command that gives `name` to this folder's owner, for a hint.
    std::string giving(const std::string& name) const;

    /// An Error for a file of ours that cannot be opened. It names the owner where that is the reason.
    Error cannot_open(const std::string& name, int error_number) const;

    /// Makes renames and removals in this folder durable. Throws Error (cant_create).
    void sync() const;

    /// Calls `each` for every name in the folder except "." and "..", in no particular order, without storing them all.
    void for_each_name(const std::function<void(const std::string&)>& each) const;

  private:
    Folder(std::filesystem::path path, Fd fd) : path_{std::move(path)}, fd_{std::move(fd)} {}

    std::filesystem::path path_;
    Fd fd_;
};

} // namespace pbx

// A file that appears under its name whole, on commit(), or not at all.
#pragma once

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/folder.hpp"

#include <optional>
#include <span>
#include <string>

namespace pbx {

/// Writes to a file without a name in the same folder (O_TMPFILE), or, where the file system has none, to a new hidden
/// one with a random name. Neither opens anything that another user put there, and a killed writer leaves at most two
/// hidden files, ".NAME.writing" and the random one that it names: whoever writes the same file next removes both.
/// ".NAME.writing" is held by flock(2), so two writers of one file take turns.
///
/// The destructor removes what was not committed; it does not commit, because only the caller knows that all was
/// written.
class AtomicFile {
  public:
    /// Whose the file becomes when root writes it: that of its folder's owner, or root's own.
    enum class Owner { of_folder, caller };

    /// Waits for another writer of the same name until `deadline`. The file has `mode` whatever the umask. Throws
    /// Error: temporary when the other is not done by then, cant_create or no_permission when the folder cannot be
    /// written.
    AtomicFile(const Folder& folder, const std::string& name, mode_t mode, const Deadline& deadline,
               Owner owner = Owner::of_folder);

    /// Nothing when another process writes the same name at this moment.
    static std::optional<AtomicFile> try_begin(const Folder& folder, const std::string& name, mode_t mode);

    AtomicFile(AtomicFile&& other) noexcept = default;
    AtomicFile& operator=(AtomicFile&&) = delete;
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;
    ~AtomicFile();

    int fd() const { return fd_.get(); }
    const std::string& name() const { return name_; }

    /// Syncs the content, renames, syncs the folder. What has the final name is replaced, a link too, but never a
    /// folder. Throws Error: cant_create, or no_permission when another program has put something else in the place of
    /// our file; then the final name is as it was.
    void commit();
    /// Lets the disk begin with what was written, while others of the batch are made; commit_all() waits for it.
    void start_writing_out() const;

    /// commit() for many files of one folder at the price of one: syncs the file system once, renames all, syncs the
    /// folder once. Throws Error (cant_create) before the first rename when the sync failed.
    static void commit_all(std::span<AtomicFile> files, const Folder& folder);

    /// The name for which `hidden` is a file of ours that a writer uses on its way, also one of older versions
    /// (".NAME.tmp"); empty when it is none. A very long name comes out cut.
    static std::string_view final_name(std::string_view hidden);

    /// Removes `hidden`, a name with a final_name(), when its writer is dead, which is believed of none in its first
    /// hour. For those who read a folder anyway.
    static void remove_if_dead(const Folder& folder, const std::string& hidden);

  private:
    AtomicFile(const Folder& folder, std::string name);
    bool take(mode_t mode, Owner owner);
    bool take_lock();
    bool remove_leftover() const;
    bool is_named(int fd, const std::string& name) const;
    void make_content();
    void move(const std::string& from, const std::string& to) const;
    void rename();

    const Folder* folder_;
    std::string name_;
    std::string writing_; ///< ".NAME.writing"
    std::string hidden_;  ///< ".NAME.<random>.tmp"
    Fd lock_;             ///< until the final name is ours
    Fd fd_;
    bool nameless_ = false;
};

} // namespace pbx

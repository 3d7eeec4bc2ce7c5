// A file that appears under its name complete, on commit(), or not at all.
#pragma once

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/folder.hpp"

#include <optional>
#include <span>
#include <string>

namespace pbx {

/// Writes to an unnamed file in the same folder (O_TMPFILE), or, if the file system has no such files, to a new hidden
/// file with a random name. Neither opens a file that another user put there. A killed writer leaves at most two hidden
/// files: ".NAME.writing" and the random one that it names; the next writer removes both. A flock(2) on ".NAME.writing"
/// makes two writers of one file take turns.
///
/// The destructor removes an uncommitted file. It does not commit, because only the caller knows that the content is
/// complete.
class AtomicFile {
  public:
    /// Who owns a file that root writes: the owner of its folder, or root.
    enum class Owner { of_folder, caller };

    /// Waits for another writer of the same name until `deadline`. The file gets `mode` regardless of the umask. Throws
    /// Error: temporary when the other is not done by then, cant_create or no_permission when the folder cannot be
    /// written.
    AtomicFile(const Folder& folder, const std::string& name, mode_t mode, const Deadline& deadline,
               Owner owner = Owner::of_folder);

    /// Returns nothing when another process is writing the same name.
    static std::optional<AtomicFile> try_begin(const Folder& folder, const std::string& name, mode_t mode);

    AtomicFile(AtomicFile&& other) noexcept = default;
    AtomicFile& operator=(AtomicFile&&) = delete;
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;
    ~AtomicFile();

    int fd() const { return fd_.get(); }
    const std::string& name() const { return name_; }

    /// Syncs the content, renames, syncs the folder. Replaces a file or link that has the final name, but never a
    /// folder. Throws Error: cant_create, or no_permission when another program has replaced our temporary file; the
    /// final name is then unchanged.
    void commit();
    /// Starts writing the content to disk while the caller makes the rest of the batch; commit_all() waits for it.
    void start_writing_out() const;

    /// commit() for many files of one folder at the cost of one: syncs the file system once, renames all, syncs the
    /// folder once. Throws Error (cant_create) before the first rename when the sync failed.
    static void commit_all(std::span<AtomicFile> files, const Folder& folder);

    /// The final name of `hidden`, if that is a temporary file of this or an older version (".NAME.tmp"); else empty. A
    /// very long name is cut.
    static std::string_view final_name(std::string_view hidden);

    /// Removes `hidden`, a name with a final_name(), when its writer is dead. A file younger than an hour is kept. For
    /// callers that list the folder anyway.
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
    Fd lock_;             ///< until the file has its final name
    Fd fd_;
    bool nameless_ = false;
};

} // namespace pbx

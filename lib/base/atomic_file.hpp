// A file that appears under its name whole, on commit(), or not at all.
#pragma once

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/folder.hpp"

#include <optional>
#include <span>
#include <string>

namespace pbx {

/// Writes to a hidden temporary file in the same folder, whose name follows from the final one: whoever writes the same
/// file next takes over what a killed writer left, so nothing has to be searched and swept. The temporary file is held
/// by flock(2), so two writers of one file take turns.
///
/// The destructor removes what was not committed; it does not commit, because only the caller knows that all was
/// written.
class AtomicFile {
  public:
    /// Waits for another writer of the same name until `deadline`. Throws Error: temporary when it is not done by then,
    /// cant_create or no_permission when the folder cannot be written.
    AtomicFile(const Folder& folder, const std::string& name, mode_t mode, const Deadline& deadline);

    /// Nothing when another process writes the same name at this moment.
    static std::optional<AtomicFile> try_begin(const Folder& folder, const std::string& name, mode_t mode);

    AtomicFile(AtomicFile&& other) noexcept;
    AtomicFile& operator=(AtomicFile&&) = delete;
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;
    ~AtomicFile();

    int fd() const { return fd_.get(); }
    const std::string& name() const { return name_; }

    /// Syncs the content, renames, syncs the folder. Throws Error (cant_create); then the final name is as it was.
    void commit();
    /// Lets the disk begin with what was written, while others of the batch are made; commit_all() waits for it.
    void start_writing_out() const;

    /// commit() for many files of one folder at the price of one: syncs the file system once, renames all, syncs the
    /// folder once. Throws Error (cant_create) before the first rename when the sync failed.
    static void commit_all(std::span<AtomicFile> files, const Folder& folder);

  private:
    AtomicFile(const Folder& folder, std::string name);
    bool take(mode_t mode);
    void rename();

    const Folder* folder_;
    std::string name_;
    std::string hidden_;
    Fd fd_;
};

} // namespace pbx

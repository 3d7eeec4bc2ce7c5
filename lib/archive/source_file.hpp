// A local file on its way to the archive.
#pragma once

#include "audio/file_facts.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/folder.hpp"
#include "remote/object.hpp"
#include "spool/leg_folders.hpp"

#include <sys/stat.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pbx::archive {

/// Held open, with its status and facts from when it was read.
struct SourceFile {
    std::string name;
    spool::Day day{}; ///< of a leg in the spool: the folder below it
    Fd fd;
    struct stat status {};
    audio::FileFacts facts{}; ///< without hashes until it is read
    std::string linkedid{};   ///< of a stitched recording: what its manifest states, like accountcode
    std::string accountcode{};

    const std::string& md5() const { return facts.content.md5; }

    std::uint64_t size() const { return static_cast<std::uint64_t>(status.st_size); }

    /// Its path below the spool, or below the folder that it was opened in.
    std::string path() const { return spool::path_below_spool(day, name); }
};

/// A folder of this machine, and the shelf of the remote that its files go to.
struct ShelfFolder {
    const Folder& folder;
    Shelf shelf;
};

/// The errors of files, by name.
using FileErrors = std::map<std::string, Error>;

/// Fills in the facts of all files, on all processors. Returns the errors of those that cannot be read.
FileErrors take_facts(const Folder& folder, std::vector<SourceFile>& files);

/// "legs" or "stitched".
const char* name_of(Shelf shelf);

/// Opens a regular file; nothing when it is gone. Throws Error: data for anything but a regular file, and for a name
/// that the remote cannot store; no_permission, io.
std::optional<SourceFile> open_source(const Folder& folder, const std::string& name);

/// Whether the remote's own size and MD5 are those of the file.
bool is_same(const SourceFile& file, const RemoteObject& object);

/// Whether the file was last modified less than `age` ago.
bool is_young(const struct stat& file, std::chrono::seconds age);

std::vector<std::string> names_of(const std::vector<SourceFile>& files);
std::uint64_t total_size(const std::vector<SourceFile>& files);

/// Takes up to `count` files from the end.
std::vector<SourceFile> take_last(std::vector<SourceFile>& files, std::size_t count);

/// Moves all of `more` to the end of `files`.
void append(std::vector<SourceFile>& files, std::vector<SourceFile> more);

} // namespace pbx::archive

// A folder's files, batch by batch as the folder is read.
#pragma once

#include "archive/context.hpp"
#include "archive/source_file.hpp"
#include "base/progress.hpp"

#include <sys/stat.h>

#include <cstddef>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <vector>

namespace pbx::archive {

constexpr std::size_t batch_size = 256;

struct FileBatch {
    std::vector<SourceFile> files;
    std::future<FileErrors> reading; ///< ends when the `read` step has read all files; not valid without that step
};

/// Which names there are, and what is done with each, and with the files of a batch.
struct FileSteps {
    /// Calls its argument with every name.
    std::function<void(const std::function<void(const std::string&)>&)> list;
    std::function<std::optional<struct stat>(const std::string&)> find_due; ///< for the expected totals
    std::function<std::optional<SourceFile>(const std::string&)> select;
    std::function<void(FileBatch&)> process;
    /// Reads the files of a batch, on another thread, while the batch before it travels. May be empty.
    std::function<FileErrors(std::vector<SourceFile>&)> read{};
};

/// Passes the files that `select` opens to `process`. An Error of `select` is a failure of that
/// file. After a full batch of which every file failed, or at the deadline, the rest is counted and left for the next
/// run: the remote is away.
void process_in_batches(ArchiveContext& context, Shelf shelf, Progress& progress, const FileSteps& steps);

/// The step `list` for one folder, which must outlive it.
std::function<void(const std::function<void(const std::string&)>&)> names_in(const Folder& folder);

/// Shows "<action> <shelf>" on the progress line.
void show_action(const char* action, Shelf shelf);

} // namespace pbx::archive

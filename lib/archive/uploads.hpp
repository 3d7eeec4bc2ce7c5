// Asking the remote about local files, and storing them there.
#pragma once

#include "archive/context.hpp"
#include "archive/source_file.hpp"
#include "base/deadline.hpp"
#include "base/error.hpp"
#include "remote/query.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pbx::archive {

/// What the remote has under the names of `files`, each with an MD5: objects without one are read back. A file about
/// which the remote gives no answer becomes a failure and leaves `files`.
std::map<std::string, RemoteObject> ask_remote(ArchiveContext& context, Shelf shelf, std::vector<SourceFile>& files);
/// The same with what find_objects() has found already.
std::map<std::string, RemoteObject> take_answer(ArchiveContext& context, Shelf shelf, std::vector<SourceFile>& files,
                                                FoundObjects found);

/// A file that the remote does not have after its upload.
struct RejectedUpload {
    SourceFile file;
    std::optional<RemoteObject> object; ///< what the remote has instead
    std::optional<Error> error;         ///< what rclone reported
};

struct UploadResult {
    std::vector<SourceFile> stored; ///< the remote itself reports their size and MD5
    std::vector<RejectedUpload> rejected;
    bool timed_out = false;
};

/// Uploads `files` over what has their names, and asks the remote what it has then. Ends the upload at `deadline`; does
/// not begin it afterwards.
UploadResult upload(ArchiveContext& context, const ShelfFolder& source, std::vector<SourceFile> files,
                    const Deadline& deadline);

/// "remote ... does not show it after the upload".
Error not_shown(const ArchiveContext& context);

} // namespace pbx::archive

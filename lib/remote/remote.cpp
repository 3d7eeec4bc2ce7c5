// An absent object is believed only of a remote whose bucket or folder was seen.
#include "remote/remote.hpp"

#include "base/fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace pbx {

namespace {

constexpr int not_found = 3; // rclone's exit status

// How many names go into one run.
constexpr std::size_t names_for_bucket = 256;     // or a folder of this machine
constexpr std::size_t names_for_connections = 32; // each checker may open a connection: sftp, webdav
constexpr std::size_t names_for_any_storage = 16; // not worth a run to learn the kind of storage

} // namespace

Remote::Remote(const std::string& path, std::string rclone, int lock, RemoteRoot root)
    : rclone_{path, std::move(rclone), lock}, root_{root} {}

std::string Remote::path_below(std::string_view folder) const {
    const auto& path = rclone_.path();
    return path + (path.back() == ':' || path.back() == '/' ? "" : "/") + std::string{folder};
}

std::string Remote::path_of(Shelf shelf) const {
    return shelf == Shelf::legs ? rclone_.path() : path_below("stitched");
}

const rclone_output::StorageFeatures& Remote::features(const Deadline& deadline) {
    if (features_)
        return *features_;
    constexpr std::size_t a_few_kilobytes = 65536;
    const auto run = rclone_.run({{"backend", "features"}, {rclone_.path()}, {}, {}, a_few_kilobytes},
                                 deadline.at_most(question_limit));
    auto features = rclone_output::parse_features(run.out);
    if (run.status != 0 || run.timed_out || !features)
        throw rclone_.failure("learn what kind of storage it is", run);
    return features_.emplace(*std::move(features));
}

std::vector<std::vector<std::string>> Remote::batches(const std::vector<std::string>& names, const Deadline& deadline) {
    auto size = names_for_any_storage;
    if (names.size() > size) {
        const auto& storage = features(deadline);
        size = storage.is_bucket || storage.is_local ? names_for_bucket : names_for_connections;
    }
    std::vector<std::vector<std::string>> result;
    for (auto begin = names.begin(); begin != names.end();) {
        const auto end = begin + std::min(static_cast<std::ptrdiff_t>(size), names.end() - begin);
        result.emplace_back(begin, end);
        begin = end;
    }
    return result;
}

// Of a storage with folders, whose probed folder was not found.
bool Remote::folder_may_be_absent(const Deadline& deadline) {
    std::error_code ignored;
    return root_ == RemoteRoot::may_be_new ||
           (features(deadline).is_local && std::filesystem::is_directory(features(deadline).local_folder, ignored));
}

void Remote::require_root(const Deadline& deadline) {
    if (root_seen_)
        return;
    auto run = rclone_.run({{"lsf"}, {path_below(".probe/")}}, deadline.at_most(question_limit));
    // In a bucket that exists, a place without objects lists as empty; elsewhere a folder that does not exist is not
    // found.
    if (run.status == not_found && !run.timed_out && !features(deadline).is_bucket) {
        if (folder_may_be_absent(deadline))
            run.status = 0;
        else if (!features(deadline).is_local)
            run =
                rclone_.run({{"lsjson", "--stat", "--no-modtime"}, {rclone_.path()}}, deadline.at_most(question_limit));
    }
    if (run.status == not_found && !run.timed_out)
        throw Error{Exit::unavailable, "remote " + display_path() + ": its bucket or folder does not exist",
                    "create or mount it, or correct --remote; until then nothing in it counts as absent"};
    if (run.status != 0 || run.timed_out)
        throw rclone_.failure("see its bucket or folder", run);
    root_seen_ = true;
}

void Remote::sync(const Deadline& deadline) {
    const auto& storage = features(deadline);
    if (storage.is_bucket)
        return;
    if (!storage.is_local) {
        // crypt, union and alias may lie above a folder of this machine.
        ::sync();
        return;
    }
    const Fd fd{::open(storage.local_folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!fd || ::syncfs(fd.get()) != 0)
        throw system_error(Exit::cant_create, "cannot sync the remote's file system at " + storage.local_folder, errno);
}

} // namespace pbx

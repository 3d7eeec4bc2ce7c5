// An absent object is believed only of a remote whose marker was seen.
#include "remote/remote.hpp"

#include "base/fd.hpp"
#include "remote/archive_marker.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace pbx {

namespace {

constexpr int not_found = 3; // rclone's exit status

// How many names go into one run.
constexpr std::size_t names_for_bucket = 256;     // or a folder of this machine
constexpr std::size_t names_for_connections = 32; // each checker may open a connection: sftp, webdav
constexpr std::size_t names_for_any_storage = 16; // not worth a run to learn the kind of storage

} // namespace

Remote::Remote(const std::string& path, std::string rclone, int lock, const TransferSettings& settings)
    : rclone_{path, std::move(rclone), lock, settings.bandwidth},
      // The legs of one call are of use only together.
      upload_pace_{1, settings.transfers}, download_pace_{8, settings.transfers} {}

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

const std::string& Remote::marker_text(const Deadline& deadline) {
    if (marker_text_)
        return *marker_text_;
    constexpr std::size_t longest = 65536;
    auto run = rclone_.run({{"cat"}, {rclone_.path()}, std::vector<std::string>{archive_marker_name}, {}, longest},
                           deadline.at_most(question_limit));
    // On some remotes a folder that does not exist is an error.
    if (run.status == not_found && !run.timed_out && run.out.empty())
        run.status = 0;
    if (run.status != 0 || run.timed_out)
        throw rclone_.failure(std::string{"read its marker "} + archive_marker_name, run);
    return marker_text_.emplace(std::move(run.out));
}

void Remote::require_archive(const Deadline& deadline) {
    const auto& text = marker_text(deadline);
    const auto remote = "remote " + display_path();
    if (text.empty())
        throw Error{Exit::unavailable, remote + " is not an archive: it has no marker " + archive_marker_name,
                    "check that its disk is mounted, that its bucket exists and that --remote is right; if the archive "
                    "is new, or was used before there were markers, run pbx-archive init once"};
    const auto marker = parse_archive_marker(text);
    if (!marker)
        throw Error{Exit::unavailable, remote + ": its marker " + archive_marker_name + " is damaged",
                    "check what is stored there; to replace the marker, run pbx-archive init --replace"};
    if (!accepted_ || std::find(accepted_->begin(), accepted_->end(), marker->id) != accepted_->end())
        return;
    throw Error{Exit::unavailable,
                remote + " is not the archive that is known here: its marker has the id " + marker->id,
                "check which disk is mounted there, and that --remote and --database are right; if it is the right "
                "archive, run pbx-archive init, with --replace if the database remembers another one"};
}

void Remote::require_bucket(const Deadline& deadline) {
    if (!features(deadline).is_bucket)
        return;
    // In a bucket that exists, a place without objects lists as empty.
    const auto run = rclone_.run({{"lsf"}, {path_below(".probe/")}}, deadline.at_most(question_limit));
    if (run.status == not_found && !run.timed_out)
        throw Error{Exit::unavailable, "remote " + display_path() + ": its bucket does not exist",
                    "create the bucket, or correct --remote"};
    if (run.status != 0 || run.timed_out)
        throw rclone_.failure("check whether its bucket exists", run);
}

Error Remote::read_failure(const std::string& action, const Finished& finished, const Deadline& deadline) {
    auto error = rclone_.failure(action, finished);
    constexpr std::string_view cut = "unexpected EOF";
    if (finished.timed_out || error.status() != Exit::unavailable ||
        std::string_view{error.what()}.find(cut) == std::string_view::npos)
        return error;
    try {
        if (features(deadline).is_encrypted)
            return rclone_.failure(Exit::data, action, "its end cannot be decrypted: unexpected EOF");
    } catch (const Error&) {
        return error;
    }
    return error;
}

void Remote::sync(const Deadline& deadline) {
    const auto& storage = features(deadline);
    if (storage.is_bucket)
        return;
    if (!storage.is_local) {
        // crypt, union and alias may lie above a folder of this machine.
        ::sync();
        // Whatever disk holds it may have been unmounted since the marker was read.
        marker_text_.reset();
        require_archive(deadline);
        return;
    }
    const Fd fd{::open(storage.local_folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!fd || ::syncfs(fd.get()) != 0)
        throw system_error(Exit::cant_create, "cannot sync the remote's file system at " + storage.local_folder, errno);
    // The disk may have been unmounted since the marker was read.
    if (::faccessat(fd.get(), archive_marker_name, F_OK, 0) != 0)
        throw Error{Exit::unavailable, "remote " + display_path() + " is not an archive any more: its marker is gone",
                    "check that its disk is mounted; what was stored beneath its mount point must be moved there"};
}

} // namespace pbx

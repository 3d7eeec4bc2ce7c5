// The archive's storage as a whole: which kind it is, and whether it is there at all.
#pragma once

#include "base/deadline.hpp"
#include "remote/object.hpp"
#include "remote/rclone.hpp"
#include "remote/rclone_output.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx {

/// Whether the remote's folder must exist already. A bucket always must; the first upload creates a folder (a disk,
/// webdav, sftp).
enum class RemoteRoot { must_exist, may_be_new };

/// Not for several threads at once: it remembers what it has learned.
class Remote {
  public:
    /// The most time for one question. A server that answers 503 to everything would keep rclone busy for ever.
    static constexpr std::chrono::seconds question_limit{60};

    /// See Rclone for the parameters and errors. Runs nothing yet.
    Remote(const std::string& path, std::string rclone, int lock = -1, RemoteRoot root = RemoteRoot::must_exist);

    const Rclone& rclone() const { return rclone_; }
    const std::string& display_path() const { return rclone_.display_path(); }
    std::string path_of(Shelf shelf) const;

    /// Throws Error when the bucket or folder does not exist (unavailable) or cannot be seen: objects in a bucket that
    /// does not exist look absent, and so do files in a folder that is not mounted.
    void require_root(const Deadline& deadline);

    /// The names in parts of the size that one rclone run can take. Throws Error when the remote does not answer.
    std::vector<std::vector<std::string>> batches(const std::vector<std::string>& names, const Deadline& deadline);

    /// Makes what was uploaded durable where the remote is a folder of this machine: rclone does not sync what it
    /// writes. Throws Error (cant_create).
    void sync(const Deadline& deadline);

  private:
    const rclone_output::StorageFeatures& features(const Deadline& deadline);
    std::string path_below(std::string_view folder) const;
    bool folder_may_be_absent(const Deadline& deadline);

    Rclone rclone_;
    RemoteRoot root_;
    std::optional<rclone_output::StorageFeatures> features_;
    bool root_seen_ = false;
};

} // namespace pbx

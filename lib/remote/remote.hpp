// The archive's storage as a whole: which kind it is, and whether it is the archive at all.
#pragma once

#include "base/deadline.hpp"
#include "remote/object.hpp"
#include "remote/pace.hpp"
#include "remote/rclone.hpp"
#include "remote/rclone_output.hpp"
#include "remote/transfer_settings.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pbx {

/// Not for several threads at once: it remembers what it has learned.
class Remote {
  public:
    /// The most time for one question. A server that answers 503 to everything would keep rclone busy for ever.
    static constexpr std::chrono::seconds question_limit{60};

    /// See Rclone for the parameters and errors. Runs nothing yet.
    Remote(const std::string& path, std::string rclone, int lock = -1, const TransferSettings& settings = {});

    const Rclone& rclone() const { return rclone_; }
    const std::string& display_path() const { return rclone_.display_path(); }
    std::string path_of(Shelf shelf) const;
    Pace& upload_pace() { return upload_pace_; }
    Pace& download_pace() { return download_pace_; }

    /// Which archives this remote may be: the ids that its marker may have. Without this, any marker will do.
    void accept_only(std::vector<std::string> archive_ids) { accepted_ = std::move(archive_ids); }

    /// The text of the archive's marker; empty when there is none. It is read once. Throws Error when the remote does
    /// not answer: unavailable, no_permission.
    const std::string& marker_text(const Deadline& deadline);

    /// Throws Error when the remote does not answer, or is not the archive that is meant (unavailable): objects in a
    /// bucket that does not exist look absent, and so do files on a disk that is not mounted.
    void require_archive(const Deadline& deadline);

    /// Whether it keeps the MD5 of its objects, so that a listing has it at no cost. Throws Error.
    /// Whether its hashes are those of the stored bytes: hasher, chunker and compress remember those of what they were
    /// given.
    bool has_own_hashes(const Deadline& deadline) { return features(deadline).has_own_hashes; }
    bool lists_hashes(const Deadline& deadline) { return features(deadline).is_bucket; }

    /// Throws Error (unavailable) for a bucket that does not exist: an upload would create it. A folder may be missing.
    void require_bucket(const Deadline& deadline);

    /// Why objects could not be read. Of an encrypted remote, "unexpected EOF" means damage (data): crypt reports so
    /// what it cannot decrypt in the last 64 KiB of an object, where rclone has repeated the reading.
    Error read_failure(const std::string& action, const Finished& finished, const Deadline& deadline);

    /// The names in parts of the size that one rclone run can take. Throws Error when the remote does not answer.
    std::vector<std::vector<std::string>> batches(const std::vector<std::string>& names, const Deadline& deadline);

    /// Makes what was uploaded durable where the remote is a folder of this machine: rclone does not sync what it
    /// writes. Throws Error: cant_create; unavailable when the marker is no longer in that folder.
    void sync(const Deadline& deadline);

  private:
    const rclone_output::StorageFeatures& features(const Deadline& deadline);
    std::string path_below(std::string_view folder) const;

    Rclone rclone_;
    Pace upload_pace_;
    Pace download_pace_;
    std::optional<rclone_output::StorageFeatures> features_;
    std::optional<std::vector<std::string>> accepted_;
    std::optional<std::string> marker_text_;
};

} // namespace pbx

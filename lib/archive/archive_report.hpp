// What a run of pbx-archive did: counted, for people, for --json, and for monitoring.
#pragma once

#include "base/error.hpp"
#include "recording/metrics.hpp"
#include "remote/object.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace pbx::archive {

/// What became of the files of one shelf.
struct ShelfCounts {
    std::uint64_t copied = 0, moved = 0;
    std::uint64_t would_copy = 0, would_move = 0; ///< in a dry run
    std::uint64_t archived = 0;                   ///< the remote had it already
    std::uint64_t kept = 0;                       ///< the remote's recording has a leg that ours lacks
    std::uint64_t young = 0, written = 0;         ///< left for the next run
    std::uint64_t failed = 0;
    std::uint64_t bytes = 0; ///< copied or moved, or to be
};

class ArchiveReport {
  public:
    ArchiveReport(bool json, bool dry_run, recording::Metrics& metrics);

    ShelfCounts& counts(Shelf shelf) { return shelf == Shelf::legs ? legs_ : stitched_; }

    void add_moved(const std::string& leg, std::uint64_t bytes);
    void add_copied(const std::string& recording, std::uint64_t bytes);
    /// A file that was removed from this disk to make room, since the archive has it.
    void add_removed_copy(const std::string& name, std::uint64_t bytes);

    /// A file that could not be archived. print_failures() shows it.
    void add_failure(Shelf shelf, const std::string& name, const Error& error);
    /// A failure of the run as a whole, shown at once.
    void add_run_failure(const Error& error);

    /// Shows the failures since the last call: one message for all files with the same error.
    void print_failures(Shelf shelf);

    /// Prints the document of --json, and returns the worst status of all failures.
    Exit finish();

  private:
    struct SameFailure {
        std::vector<std::string> names;
        Exit status = Exit::ok;
    };

    nlohmann::ordered_json document() const;
    std::string sentence() const;

    bool json_;
    bool dry_run_;
    recording::Metrics& metrics_;
    ShelfCounts legs_;
    ShelfCounts stitched_;
    std::uint64_t removed_copies_ = 0;
    std::uint64_t removed_bytes_ = 0;
    nlohmann::ordered_json failures_ = nlohmann::ordered_json::array();
    std::map<std::pair<std::string, std::string>, SameFailure> unprinted_; ///< by message and hint
    std::string last_run_failure_;
    Exit status_ = Exit::ok;
};

} // namespace pbx::archive

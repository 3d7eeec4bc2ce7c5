// Parsers for what rclone prints. They are pure: text in, values out.
#pragma once

#include "base/error.hpp"
#include "remote/object.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pbx::rclone_output {

/// No line of an answer is longer. Longer ones are not parsed, since JSON can take fifty times its size in memory.
constexpr std::size_t longest_line = 16384;

/// A time as lsjson prints it, "2026-04-18T14:40:04.123456789Z" or with "+02:00"; the epoch for anything else.
std::chrono::sys_seconds parse_time(const std::string& text);

/// One entry of a listing by lsjson.
struct ListEntry {
    std::string path;
    std::optional<RemoteObject> object; ///< nothing when the entry makes no sense, or is a folder
};

/// One line of lsjson: an entry, with or without a comma at its end. Nothing for other lines.
std::optional<ListEntry> parse_list_line(std::string_view line);

/// lsjson prints "[" and "]" on lines of their own, and one entry on each line between them. Output of any other form
/// is not a whole list, and an object that is not in it may still exist.
class ListForm {
  public:
    /// To be called with each line in order; `is_entry`: parse_list_line() understood it.
    void add_line(std::string_view line, bool is_entry);
    bool is_whole() const { return well_formed_ && ended_; }

  private:
    bool begun_ = false;
    bool ended_ = false;
    bool well_formed_ = true;
};

/// What lsjson answered about the names that were asked for. Other names in the output are ignored.
struct ListAnswer {
    std::map<std::string, RemoteObject> objects;
    std::set<std::string> unclear; ///< names with two different entries, or with one that makes no sense
    bool is_whole = false;         ///< see ListForm; the objects are true even when an error cut the list short
};
ListAnswer parse_list(std::string_view out, const std::vector<std::string>& asked);

/// MD5 by name, from `hashsum MD5`. Names that were not asked for, names with two different hashes and an incomplete
/// last line are ignored.
std::map<std::string, std::string> parse_hashes(std::string_view out, const std::vector<std::string>& asked);

/// What `backend features` reports about the storage.
struct StorageFeatures {
    bool is_bucket = false;
    bool is_encrypted = false;  ///< by rclone's crypt
    bool has_own_hashes = true; ///< false: rclone's hasher, chunker or compress remembers hashes of what it was given
    bool is_local = false;      ///< a folder of this machine, not wrapped
    std::string local_folder;   ///< the remote's path on this machine, where is_local
};
/// Nothing when the output makes no sense.
std::optional<StorageFeatures> parse_features(std::string_view out);

/// One line of a transfer's log (--use-json-log --stats).
struct TransferStats {
    std::uint64_t bytes = 0;
    std::uint64_t objects = 0;
    double bytes_per_second = 0;
};
/// Statistics, or the line as rclone's plain log prints it.
std::variant<TransferStats, std::string> parse_log_line(std::string_view line);

/// Why rclone gave up, from its last line of stderr, without its date, its level and the names of rclone's functions.
std::string failure_reason(std::string_view err);

/// The errors that rclone printed about single objects: "ERROR : name: message".
std::map<std::string, std::string> parse_object_errors(std::string_view err);

/// Whether rclone found that an object has another hash than the server states.
bool is_corruption(std::string_view reason);

/// Which exit status a reason stands for: no_permission, data (corrupted in transfer or at rest), cant_create (disk
/// full), else unavailable.
Exit exit_for_reason(std::string_view reason);

} // namespace pbx::rclone_output

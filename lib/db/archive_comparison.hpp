// Compares a listing of the archive with the facts of what was archived: the table `recordings`.
#pragma once

#include "base/content.hpp"
#include "db/bulk.hpp"
#include "db/recordings.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pbx::db {

/// An object of the listing. Paths are those in the remote, as for find_recordings().
struct ListedObject {
    std::string path;
    std::uint64_t size = 0; ///< bytes
    std::string md5;        ///< empty: the listing has none
    std::chrono::sys_seconds modified{};
};

/// An object whose listing and facts do not agree: at least one of the two exists.
struct Suspect {
    std::string path;
    std::optional<ListedObject> object;
    std::optional<std::int64_t> archived_at; ///< which facts were compared, see RecordedFacts; nothing: it has none
};

/// An object that is to be read, and what it must be.
struct SampledObject {
    std::string path;
    Content content;
    std::int64_t archived_at = 0; ///< see RecordedFacts
};

/// Temporary tables in the database hold the names, so that a million of them need no memory here. One per session.
/// Every function throws Error (unavailable) when the database fails.
class ArchiveComparison {
  public:
    /// Compares facts that exist now, and only those archived at `since` or later, if it is given, with the objects;
    /// objects without facts only when they were modified at `since` or later. With an `account` only objects are
    /// compared that belong to it, by their facts, or without facts by the CDR rows that name them.
    ArchiveComparison(soci::session& session, std::optional<std::chrono::sys_seconds> since,
                      const std::optional<std::string>& account, const LegNaming& naming);

    using AddObject = std::function<void(const ListedObject& object)>;
    /// Calls `list` with a function that takes every object of the listing.
    void add_listing(const std::function<void(const AddObject&)>& list);

    /// To be called once the listing was added. Returns the number of objects that agree with their facts.
    std::int64_t compare();

    /// The next objects that do not agree, each once; empty at the end.
    std::vector<Suspect> next_suspects();

    /// Draws this share (0 to 1, rounded up) of the objects that agree: first those that were never verified, then
    /// those verified longest ago, and among equals at random. Returns how many.
    std::int64_t draw_sample(double share);
    /// The next of them, at most `most_bytes` together, but at least one; empty at the end.
    std::vector<SampledObject> next_sample(std::uint64_t most_bytes);

    /// Keeps a text about an object for the report.
    void add_finding(const std::string& verdict, const std::string& path, const std::string& text);
    /// The texts, by verdict and path.
    void for_each_finding(const std::function<void(const std::string& text)>& each);

  private:
    BulkSession session_;
    std::string began_;
    std::string since_;
    std::string only_; ///< an SQL condition on the facts; empty: all
    std::int64_t last_suspect_ = 0;
    std::int64_t last_sampled_ = 0;
};

} // namespace pbx::db

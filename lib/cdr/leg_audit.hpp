// Compares the legs that CDR rows name with the legs that were found in the spool and in the archive.
#pragma once

#include <libpq-fe.h>
#include <soci/soci.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::cdr {

/// Where a file was found. Sizes are in bytes; nothing: it is not there.
struct FoundIn {
    std::optional<std::uint64_t> local;
    std::optional<std::uint64_t> remote;
    bool differs = false; ///< it lies in both places, with different content

    bool anywhere() const { return local || remote; }
    std::uint64_t size() const { return local.value_or(remote.value_or(0)); }
};

/// One CDR row that names a leg. An account's numbers count each of its legs once, whatever number of rows name it.
struct AuditedRow {
    std::int64_t id = 0;
    std::chrono::sys_seconds calldate;
    std::string linkedid, accountcode, recordingfile;
    FoundIn found;
    bool may_still_arrive = false; ///< its call ended so recently that another node may still hold the leg
    bool ambiguous = false;        ///< rows of another account name the leg too (Call::ambiguous)

    /// "ambiguous", "differs", "both", "local", "remote", "awaited" or "missing".
    const char* state() const;
};

/// A file that no CDR row names.
struct Orphan {
    std::string name;
    FoundIn found;
    std::string account; ///< of the organization whose number the name ends with, where only one has it
};

struct AccountSummary {
    std::string account, organization;
    std::int64_t calls = 0;      ///< answered calls that by today's policy are to be recorded
    std::int64_t unrecorded = 0; ///< of those, calls of which no row names a leg
    std::int64_t legs = 0;       ///< each in one of the next seven states
    std::int64_t ambiguous = 0, differs = 0, local = 0, remote = 0, both = 0, awaited = 0, missing = 0;
    std::int64_t empty = 0, bytes = 0, orphans = 0;
};

/// Temporary tables in the database hold the names, so that a million of them need no memory here. One per session.
/// Every function throws Error (unavailable) when the database fails.
class LegAudit {
  public:
    /// Audits only rows that exist now, since their legs were in the spool by now: those of `since` or later, of
    /// `account` or, when it is empty, of all. A leg that is in neither place is awaited, not missing, until `patience`
    /// after the end of its call.
    LegAudit(soci::session& session, std::chrono::sys_seconds since, std::string account,
             std::chrono::seconds patience);

    /// Takes one file of a listing.
    using AddFile = std::function<void(std::string_view name, std::uint64_t size, std::chrono::sys_seconds modified)>;
    /// Calls `list` with a function that takes every file of that place.
    void add_local_files(const std::function<void(const AddFile&)>& list);
    void add_remote_files(const std::function<void(const AddFile&)>& list);

    /// To be called when both places were added. `find_differing` returns those of the names, all of which lie in both
    /// places, whose content differs.
    using FindDiffering = std::function<std::vector<std::string>(const std::vector<std::string>&)>;
    void compare(const FindDiffering& find_differing);

    /// After compare(): the rows with an ambiguous leg first, then the others, both in the order of time.
    void for_each_row(const std::function<void(const AuditedRow&)>& each);
    /// Files older than an hour that no row names. None when only one account is audited: they belong to no account.
    void for_each_orphan(const std::function<void(const Orphan&)>& each);
    std::vector<AccountSummary> summary();

  private:
    void add_files(const char* table, const std::function<void(const AddFile&)>& list);
    void mark_differing(const FindDiffering& find_differing);

    soci::session& session_;
    std::chrono::sys_seconds since_;
    std::string account_;
    std::chrono::seconds patience_;
    std::int64_t last_row_ = 0; ///< the newest id
};

} // namespace pbx::cdr

// What the CDR rows name, held against what was found in the spool and in the archive.
#pragma once

#include <libpq-fe.h>
#include <soci/soci.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::cdr {

/// Where a leg is. An account's numbers count each of its legs once, whatever number of rows name it.
struct AuditedRow {
    std::int64_t id = 0;
    std::int64_t calldate = 0; ///< Unix time
    std::string linkedid, accountcode, recordingfile;
    std::int64_t local = -1; ///< size in the spool, -1: not there
    std::int64_t remote = -1;
    bool fresh = false;     ///< its call ended so lately that another node may still hold the leg
    bool ambiguous = false; ///< rows of another account name the leg too (Call::ambiguous)
    bool differs = false;   ///< it lies in both places, with different content

    const char* state() const;
    std::int64_t size() const { return local >= 0 ? local : remote; }
};

struct Orphan {
    std::string name;
    std::int64_t local = -1;
    std::int64_t remote = -1;
    bool differs = false; ///< it lies in both places, with different content
    std::string account;  ///< of the organization whose number the name ends with, where only one has it
};

struct AccountSummary {
    std::string account, organization;
    std::int64_t calls = 0;      ///< answered calls that by today's policy are to be recorded
    std::int64_t unrecorded = 0; ///< of those, calls of which no row names a leg
    std::int64_t legs = 0;       ///< each in one of the next seven states
    std::int64_t ambiguous = 0, differs = 0, local = 0, remote = 0, both = 0, awaited = 0, missing = 0;
    std::int64_t empty = 0, bytes = 0, orphans = 0;
};

/// Temporary tables in the database take the names, so that a million of them need no memory here. One a session.
class LegAudit {
  public:
    enum class Place { local, remote };

    /// Only rows that exist now are audited: their legs are in the spool already, or were. A leg that is in neither
    /// place is awaited, not missing, until `patience` seconds after its call's end.
    LegAudit(soci::session& session, std::int64_t since, std::string account, std::int64_t patience);

    /// Calls `list` with a function that takes name, size and modification time of every file in that place.
    using Take = std::function<void(std::string_view, std::uint64_t, std::int64_t)>;
    void fill(Place place, const std::function<void(const Take&)>& list);

    /// Of these files, all of which lie in both places, those whose content differs.
    using Differing = std::function<std::vector<std::string>(const std::vector<std::string>&)>;
    /// Once both places are filled.
    void compare(const Differing& differing);
    /// The rows with an ambiguous leg first, each part in the order of time.
    void for_each_row(const std::function<void(const AuditedRow&)>& each);
    /// Files older than an hour that no row names; none when only one account is audited, since they have none.
    void for_each_orphan(const std::function<void(const Orphan&)>& each);
    std::vector<AccountSummary> summary();

  private:
    void mark_differing(const Differing& differing);

    soci::session& session_;
    std::int64_t since_;
    std::string account_;
    std::int64_t patience_;
    std::int64_t last_ = 0;
};

} // namespace pbx::cdr

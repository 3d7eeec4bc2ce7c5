// Compares the legs that CDR rows name with the legs that were found in the spool and in the archive, and judges them
// and their calls.
#pragma once

#include "db/bulk.hpp"
#include "db/leg_naming.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::cdr {

/// A file of a listing. What its header shows of its audio is known only of a file that was opened.
struct ListedFile {
    std::string_view name;
    std::uint64_t size = 0; ///< bytes
    std::chrono::sys_seconds modified{};
    std::optional<double> seconds{}; ///< of audio
    int channels = 0;                ///< where `seconds` is known
    int heard = 0;                   ///< channels that are not silent throughout
    bool cut = false;                ///< its header was never finished, or declares more than the file has
    bool twice = false;              ///< several files in the spool have this name
    std::string_view md5{};          ///< of an object, where the listing has it
};

/// Where a file was found, and what is known of its audio.
struct FoundLeg {
    std::optional<std::uint64_t> local, remote; ///< bytes; nothing: it is not there
    std::string state;                          ///< AuditedRow::state
    std::optional<double> seconds;              ///< of audio, where that is known
    /// "empty", "paused" when it is empty because of a pause, "silent", "cut", "one-sided", "short", "sound" when none
    /// of these is true, "unjudged" when too little is known, and empty when there is no audio to judge.
    std::string worth;
};

/// One CDR row that names a leg.
struct AuditedRow {
    std::int64_t id = 0;
    std::chrono::sys_seconds calldate;
    std::string linkedid, accountcode;
    std::optional<std::string> organization; ///< nothing: no organization has this accountcode
    std::string recordingfile;               ///< the leg that it names, or its path where that names none
    FoundLeg leg; ///< its state is "ambiguous", "differs", "both", "local", "remote", "awaited" or "missing"
    std::optional<double> talk; ///< seconds that the leg should have at least; nothing: no answered row names it
};

/// A call that policy wanted recorded, and that is not recorded and sound.
struct FaultyCall {
    std::string linkedid, accountcode;
    std::optional<std::string> organization;
    std::chrono::sys_seconds start;
    std::string from, to; ///< of its first row
    /// "declined" or "unrecorded" without a leg, or the gravest state or worth of its legs, in the order of due_calls
    /// (call_audit.cpp).
    std::string verdict;
};

/// A file that no CDR row names. The last three are read from its name, and empty where it is none of Asterisk's.
struct Orphan {
    std::string name;
    FoundLeg leg;        ///< its state is "local", "remote", "both" or "differs"
    std::string account; ///< of the organization whose number the name ends with, where only one has it
    std::optional<std::string> organization;
    std::string stamp; ///< "20260418-144004", UTC
    std::string source, extension;
};

struct AccountSummary {
    std::string account;
    std::optional<std::string> organization;
    std::int64_t rows = 0;  ///< CDR rows in question
    std::int64_t calls = 0; ///< answered calls that by today's policy are to be recorded; each in one of the next five
    std::int64_t sound = 0, unrecorded = 0, faulty = 0, pending = 0, unproven = 0;
    std::int64_t declined = 0; ///< such calls without a leg whose parties declined: not among `calls`
    std::int64_t legs = 0;     ///< each once, whatever number of rows name it, and in one of the next seven states
    std::int64_t ambiguous = 0, differs = 0, local = 0, remote = 0, both = 0, awaited = 0, missing = 0;
    /// Of the legs, by worth.
    std::int64_t empty = 0, paused = 0, silent = 0, cut = 0, one_sided = 0, too_short = 0, unjudged = 0;
    std::int64_t orphans = 0, bytes = 0;
};

/// How a recording point decides: see dialplan::PassedPoint.
struct PointPolicy {
    bool recorded = false;
    bool answers = false;
    bool opt_in = false;
};

struct AuditScope {
    std::optional<std::chrono::sys_seconds> since{}; ///< only rows, and calls that began, at this time or later
    std::string account{};                           ///< accountcode; empty: all
    std::chrono::seconds patience{}; ///< a leg that is in neither place is awaited so long after the end of its call
    db::LegNaming naming;
};

/// Temporary tables in the database hold the names, so that a million of them need no memory here. One per session.
/// Every function throws Error (unavailable) when the database fails.
class LegAudit {
  public:
    /// Audits only rows that exist now, since their legs were in the spool by now.
    LegAudit(soci::session& session, AuditScope scope);

    /// Takes one file of a listing.
    using AddFile = std::function<void(const ListedFile& file)>;
    /// Calls `list` with a function that takes every file of that place.
    void add_local_files(const std::function<void(const AddFile&)>& list);
    void add_remote_files(const std::function<void(const AddFile&)>& list);

    /// To be called when both places were added. `find_differing` returns those of the names, all of which lie in both
    /// places, whose content differs. `decide` is called once for every different account, context and number.
    using FindDiffering = std::function<std::vector<std::string>(const std::vector<std::string>&)>;
    using Decide =
        std::function<PointPolicy(const std::string& account, const std::string& context, const std::string& number)>;
    void compare(const FindDiffering& find_differing, const Decide& decide);

    /// After compare(): the rows with an ambiguous leg first, then the others, both in the order of time.
    void for_each_row(const std::function<void(const AuditedRow&)>& each);
    /// In the order of time.
    void for_each_faulty_call(const std::function<void(const FaultyCall&)>& each);
    /// Files older than an hour that no row names. None when only one account is audited: they belong to no account.
    void for_each_orphan(const std::function<void(const Orphan&)>& each);
    std::vector<AccountSummary> summary();

  private:
    void add_files(const char* table, const std::function<void(const AddFile&)>& list);
    void mark_differing(const FindDiffering& find_differing);
    void decide_policy(const Decide& decide);
    void find_orphans();

    db::BulkSession session_;
    AuditScope scope_;
    std::int64_t last_row_ = 0; ///< the newest id
};

} // namespace pbx::cdr

// Decides about objects whose listing and facts do not agree, beside runs of pbx-archive that go on.
#pragma once

#include "archive/object_reader.hpp"
#include "archive/options.hpp"
#include "archive/verify_report.hpp"
#include "base/deadline.hpp"
#include "base/folder.hpp"
#include "db/archive_comparison.hpp"
#include "remote/object.hpp"
#include "remote/remote.hpp"
#include "spool/archived_mark.hpp"
#include "spool/leg_folders.hpp"

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pbx::archive {

/// What was found when an object was read that agrees with its facts by the listing.
struct ReadDamage {
    std::optional<Content> found;
    std::string reason;
};

/// An object, and which facts it was compared with.
struct OpenCase {
    db::Suspect suspect;
    std::optional<ReadDamage> damage;
};

/// Everything that a verification works with.
struct VerifyContext {
    const VerifyOptions& options;
    Deadline deadline;
    Deadline reading; ///< earlier, so that some time is left for the report
    const Folder& spool;
    Remote& remote;
    soci::session& session;
    db::ArchiveComparison& comparison;
    VerifyCounts& counts;
    Exit& exit;
    int failures = 0;

    /// Shows the first few failures; all of them decide the exit status.
    void fail(const Error& error);
};

class SuspectJudge {
  public:
    SuspectJudge(VerifyContext& context, ObjectReader* reader);

    /// Asks the remote and the database once more about each, by name, and looks whether it is being archived at this
    /// moment. What is still wrong then goes to the findings, or is adopted. Throws Error when the remote answers for
    /// none of them, or the database fails.
    void judge(std::vector<OpenCase> cases);

  private:
    using Facts = std::map<std::string, db::RecordedFacts>;

    void ask_remote(std::vector<OpenCase>& cases);
    Facts read_facts(const std::vector<OpenCase>& cases) const;
    std::set<std::string> find_in_spool(const std::vector<OpenCase>& cases);
    void find_legs(std::set<std::string> wanted, std::set<std::string>& found);
    void report_unread(const Error& error);
    bool is_being_replaced(const std::string& path, const db::RecordedFacts* facts) const;
    bool may_be_awaited(const OpenCase& open, bool in_spool, const db::RecordedFacts* facts) const;
    void conclude(const OpenCase& open, const db::RecordedFacts* facts);
    void adopt();
    void read_what_has_no_md5();
    void report_unknown(const db::ListedObject& object, const std::string& more);
    void report(const Finding& finding);

    VerifyContext& context_;
    ObjectReader* reader_; ///< null: nothing is read
    std::optional<Folder> stitched_;
    spool::ArchivedMark mark_;
    spool::LegFolders folders_;
    std::set<std::string> unread_; ///< errors of folders in which legs may lie
    std::vector<db::ListedObject> adoptable_;
    std::vector<db::ListedObject> without_md5_;
};

} // namespace pbx::archive

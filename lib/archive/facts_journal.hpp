// The way of facts into the table `recordings`: through a journal in the spool, since archiving needs no database.
#pragma once

#include "archive/archive_report.hpp"
#include "archive/options.hpp"
#include "archive/source_file.hpp"
#include "base/deadline.hpp"
#include "base/folder.hpp"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::archive {

/// Calls `each` with the facts that are still in the journal, in their order (object_facts.hpp), for readers without
/// the run's lock. Throws Error as open_trusted() does.
void for_each_journaled_fact(const Folder& spool, const std::function<void(const nlohmann::json& facts)>& each);

/// Under the run's lock, which makes this process the only one that writes the journal.
class FactsJournal {
  public:
    FactsJournal(const Folder& spool, const ArchiveOptions& options, ArchiveReport& report)
        : spool_{spool}, options_{options}, report_{report} {}

    /// Writes and syncs the facts of files that the remote has now. On a full disk they go to the database at once.
    /// Throws Error when they are in neither place: then nothing must happen that relies on them.
    void record(Shelf shelf, const std::vector<SourceFile>& files);

    /// Brings the journal into the database, and removes it. A kill leaves a journal that the next run loads once more,
    /// which changes nothing. A database that does not answer leaves it too, which is no failure. Lines that make no
    /// sense go to the report; the others are loaded.
    void load(const Deadline& deadline);

    /// Fills in the owners of objects of the last eight days whose CDR rows came after their facts. A database that
    /// does not answer is no failure.
    void name_owners(const Deadline& deadline);

  private:
    void load_lines(int fd, const Deadline& deadline);
    void keep_refused(std::string_view lines);

    const Folder& spool_;
    const ArchiveOptions& options_;
    ArchiveReport& report_;
    int refused_ = 0; ///< lines
};

} // namespace pbx::archive

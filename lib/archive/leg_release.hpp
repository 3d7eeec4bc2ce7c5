// The last step of a leg: what the remote has verified leaves the spool.
#pragma once

#include "archive/context.hpp"
#include "archive/other_nodes.hpp"
#include "archive/source_file.hpp"
#include "archive/writers.hpp"
#include "base/deadline.hpp"
#include "base/error.hpp"
#include "spool/archived_mark.hpp"
#include "spool/leg_folders.hpp"

#include <chrono>
#include <optional>
#include <vector>

namespace pbx::archive {

class LegRelease {
  public:
    LegRelease(ArchiveContext& context, const spool::LegFolders& folders, OtherNodes& nodes, WriterCheck& writers,
               const spool::ArchivedMark& mark)
        : context_{context}, folders_{folders}, nodes_{nodes}, writers_{writers}, mark_{mark} {}

    /// Takes legs of which the remote has just reported the size and MD5. Removes those that no other machine can
    /// replace any more; the others wait for finish(), see shared_names.hpp.
    void add_verified(std::vector<SourceFile> legs);

    /// Asks the remote once more about the legs that wait, and removes those that it still has.
    void finish();

  private:
    std::vector<SourceFile> ask_again(std::vector<SourceFile> legs);
    void record(const std::vector<SourceFile>& legs, std::vector<SourceFile>::iterator& next);
    void remove(std::vector<SourceFile> legs);
    void remove_or_report(SourceFile& leg);
    void remove_if_unchanged(const SourceFile& leg);
    void sync_folders(const std::vector<SourceFile>& legs);
    void fail(const SourceFile& leg, const Error& error);

    ArchiveContext& context_;
    const spool::LegFolders& folders_;
    OtherNodes& nodes_;
    WriterCheck& writers_;
    const spool::ArchivedMark& mark_;
    std::vector<SourceFile> settling_; ///< verified once; without descriptors
    Deadline settled_ = Deadline::after(std::chrono::seconds{0});
};

/// The remote has another leg under the name of ours. `what` says how it came to that.
Error different_leg(const ArchiveContext& context, const Folder& spool, const std::string& what, const SourceFile& leg,
                    const RemoteObject& object);
/// The same, found after the upload of ours.
Error replaced_leg(const ArchiveContext& context, const Folder& spool, const SourceFile& leg,
                   const RemoteObject& object);

} // namespace pbx::archive

// Fetches from the archive what a batch of calls will need, in few runs of rclone.
#pragma once

#include "base/deadline.hpp"
#include "base/folder.hpp"
#include "base/private_folder.hpp"
#include "cdr/legs.hpp"
#include "recording/archived_facts.hpp"
#include "recording/freshness.hpp"
#include "recording/leg_sources.hpp"
#include "recording/objects_ahead.hpp"
#include "recording/overlap.hpp"
#include "recording/resolved_call.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pbx::collect {

class Ahead {
  public:
    /// What is needed must outlive it. Objects arrive in a hidden folder of `folder`, from where they may be renamed
    /// into it, or, where another user could redirect what root writes, in a folder for temporary files.
    struct Needs {
        const Folder& folder;
        std::string stitched; ///< the folder of stitched recordings
        recording::Overlap overlap;
        unsigned jobs;
        recording::LegSources& sources;
        recording::ArchivedFacts& facts;
        Deadline deadline;
    };
    explicit Ahead(const Needs& needs);

    /// For calls whose legs have been woven. Nothing is thrown for one call: serving it meets the same failure.
    void fetch(const std::vector<cdr::Call>& calls);

    const recording::ObjectsAhead& objects() const { return objects_; }
    /// The folder that this object can be renamed from; null when there is none.
    const Folder* find_movable(Shelf shelf, const std::string& name) const;

  private:
    struct LookedUp {
        recording::ResolvedCall call;
        recording::Freshness here;
    };

    void look_here(const cdr::Call& call);
    void fetch_shelf(Shelf shelf, recording::ShelfAhead& ahead, std::optional<PrivateFolder>& folder,
                     const std::vector<std::string>& names, const KnownContents& expected);
    void compare_with_manifests();
    void ask_for_missing();
    void bring_back_legs();
    recording::Freshness find_arrived(const recording::ResolvedCall& call) const;
    bool is_enough(const recording::Freshness& recording) const;

    Needs needs_;
    bool is_movable_;
    std::optional<PrivateFolder> recordings_;
    std::optional<PrivateFolder> legs_;
    recording::ObjectsAhead objects_;
    std::vector<LookedUp> calls_;            ///< those of several legs
    std::vector<std::string> single_legs_{}; ///< that are not on this machine
};

} // namespace pbx::collect

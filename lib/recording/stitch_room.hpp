// Space for the recordings that pbx-stitch builds, and for the legs that it fetches back for them.
#pragma once

#include "base/content.hpp"
#include "base/deadline.hpp"
#include "recording/leg_sources.hpp"
#include "recording/places.hpp"
#include "recording/spool_space.hpp"
#include "recording/stitch_batch.hpp"

#include <cstdint>
#include <vector>

namespace pbx::recording {

class StitchRoom {
  public:
    /// `stitched` is the folder of `places`. All must outlive it.
    StitchRoom(const Places& places, const Folder& stitched, LegSources& sources);

    /// Takes those of `tasks` that can be built without touching the reserve. Makes room for all of them where it can,
    /// by removing the oldest recordings that the archive has. `archived` has the sizes of legs in the archive; one
    /// that it lacks is taken to be as long as its call, but not longer than an hour. Throws Error (io).
    std::vector<StitchTask> take_fitting(std::vector<StitchTask>& tasks, const KnownContents& archived,
                                         const Deadline& deadline);

    /// Why the others do not fit.
    Error no_room() const;

  private:
    std::uint64_t size_to_build(const ResolvedCall& call, const KnownContents& archived) const;
    void make_room(std::uint64_t bytes, const Deadline& deadline);

    const Places& places_;
    const Folder& stitched_;
    LegSources& sources_;
    SpoolSpace space_;
    bool holds_stitched_;       ///< the spool's file system holds stitched recordings
    bool holds_cache_;          ///< and the legs that are fetched back
    bool can_make_room_ = true; ///< the last attempt freed what was asked for
};

} // namespace pbx::recording

// Space for the recordings that pbx-stitch builds.
#pragma once

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
    StitchRoom(const Places& places, const Folder& stitched, LegSources& sources)
        : places_{places}, stitched_{stitched}, sources_{sources}, space_{sources.local().spool(), places.space} {}

    /// Takes as many of `tasks`, from the first on, as can be built without touching the reserve. Makes room for all of
    /// them where it can, by removing the oldest recordings that the archive has. Throws Error (io).
    std::vector<StitchTask> take_fitting(std::vector<StitchTask>& tasks, const Deadline& deadline);

    /// Why the next call does not fit.
    Error no_room() const;

  private:
    std::uint64_t available() const;
    void make_room(std::uint64_t bytes, const Deadline& deadline);

    const Places& places_;
    const Folder& stitched_;
    LegSources& sources_;
    SpoolSpace space_;
    bool can_make_room_ = true; ///< the last attempt freed what was asked for
};

} // namespace pbx::recording

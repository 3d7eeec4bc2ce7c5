// Whether an account may write to and read from the archive, tried with a small object.
#pragma once

#include "base/deadline.hpp"
#include "remote/remote.hpp"

#include <string>

namespace pbx {

/// Hidden, like the marker, so that it can be neither a leg nor a stitched recording. There is only ever one on each
/// shelf, since an account that may not delete it leaves it there.
inline constexpr const char* probe_name = ".pbx-check.probe";

struct ProbeResult {
    bool replaceable = true; ///< false: the probe of an earlier run is beside the legs and may not be replaced
    bool deleted = false;    ///< false: the account may not delete it
};

/// Stores the probe beside the legs, compares the remote's size and MD5, reads it back, and deletes it where that is
/// allowed. Where an earlier one may not be replaced, which is right for legs, it is tried on the shelf of stitched
/// recordings. Call it only after Remote::require_archive(). Throws Error: unavailable, no_permission; data when
/// something else comes back; cant_create.
ProbeResult probe_archive(Remote& remote, const Deadline& deadline);

} // namespace pbx

// One call's stitched recording: whether the one that exists may be served, and how it is made.
#pragma once

#include "audio/manifest.hpp"
#include "base/error.hpp"
#include "base/folder.hpp"
#include "cdr/legs.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pbx::recording {

/// The file name of a call's stitched recording: <linkedid>.wav, or <linkedid>.<accountcode>.wav where accounts share
/// the linkedid (a call without accountcode keeps the plain name). Throws Error (data) when the linkedid or the
/// accountcode is not fit for a file name.
std::string stitched_name(const cdr::Call &call);

/// "1713450004.12", or "1713450004.12 of account X" where accounts share the linkedid.
std::string shown(const cdr::Call &call);

/// Where this machine has legs: the spool first, then the cache of legs fetched back.
class LocalLegs {
  public:
    LocalLegs(Folder spool, std::optional<Folder> stitch_src)
        : spool_{std::move(spool)}, stitch_src_{std::move(stitch_src)} {}

    /// Opens a leg; nothing when it is in neither folder. Throws Error (data) when its name is unfit or something else
    /// than a regular file lies there; no_permission, io.
    std::optional<Fd> find(const std::string &name) const;
    /// Whether something lies under this name.
    bool has(const std::string &name) const;
    const Folder &spool() const { return spool_; }

  private:
    Folder spool_;
    std::optional<Folder> stitch_src_;
};

/// Whether a stitched recording is up to date, or why not.
struct Standing {
    bool current = false;
    bool exists = false;
    std::string reason;               ///< in words, when it is not current: "new", "20260418-1.wav is newer"
    std::vector<std::string> missing; ///< legs that a current one lists as missing
};

/// Looks at a stitched recording that was modified at `modified` (Unix nanoseconds) and holds `manifest`. It is current
/// when the manifest is this call's, lists exactly its legs, no leg in the spool is newer, and none that it calls
/// missing is on this machine by now.
Standing examine(const cdr::Call &call, const std::optional<audio::Manifest> &manifest, std::int64_t modified,
                 const LocalLegs &legs);

/// examine() for the file `stitched_name(call)` in `stitched`; also looks that the file is as long as its header says.
Standing examine_file(const cdr::Call &call, const Folder &stitched, const LocalLegs &legs);

/// What came of a build.
struct Built {
    audio::Manifest manifest;
    std::chrono::duration<double> length{0};
    Exit status = Exit::ok;                 ///< data when a leg was unreadable or shorter than its header promises
    std::vector<std::string> faults;        ///< in words, a line a leg
    std::vector<std::string> being_written; ///< legs that a recorder still has open; then nothing was written
};

/// Joins the call's legs that this machine has into the empty file `out`; the others are listed as missing. Sets the
/// file's modification time to when reading began, or to the newest leg's where that is later, so that a leg which
/// changes from now on is newer. Throws Error (cant_create, io, no_permission).
Built build(const cdr::Call &call, const LocalLegs &legs, int out, const std::string &what);

} // namespace pbx::recording

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
std::string stitched_name(const cdr::Call& call);

/// "1713450004.12", or "1713450004.12 of account X" where accounts share the linkedid.
std::string shown(const cdr::Call& call);

/// Throws Error (data) when rows of another account name this leg of the call too: it may be another tenant's audio.
void require_own_leg(const cdr::Call& call, const std::string& name);
/// The same for all legs of the call, whose stitched recording then may neither be made nor served.
void require_own_legs(const cdr::Call& call);

/// Where this machine has legs: the spool first, then the folders of legs fetched back.
class LocalLegs {
  public:
    explicit LocalLegs(Folder spool) : spool_{std::move(spool)} {}
    void add_cache(Folder folder) { caches_.push_back(std::move(folder)); }

    /// Opens a leg; nothing when it is in neither folder. Throws Error (data) when its name is unfit or something else
    /// than a regular file lies there; no_permission, io.
    std::optional<Fd> find(const std::string& name) const;
    /// Whether something lies under this name.
    bool has(const std::string& name) const;
    /// The legs of `call` that are in none of the folders and could be asked for elsewhere.
    std::vector<std::string> absent(const cdr::Call& call) const;
    const Folder& spool() const { return spool_; }

  private:
    Folder spool_;
    std::vector<Folder> caches_;
};

/// How long after a call's end a leg that nobody has may still be on its way from another node.
inline constexpr std::chrono::seconds patience_for_other_nodes = std::chrono::hours{1};

/// Whether a stitched recording is up to date, or why not.
struct Standing {
    bool current = false;
    bool exists = false;
    bool damaged = false;     ///< marked with mark_damaged()
    std::string reason;       ///< in words, when it is not current: "new", "20260418-1.wav is newer"
    audio::Manifest manifest; ///< of a current one
};

/// What becomes of audio that two legs of a call have, as those of dialplans before ours do: every recorder ran until
/// the hangup.
enum class Overlap {
    keep, ///< legs one after the other, whole
    trim, ///< on the call's timeline (a leg ends when its file was last written), the later leg wins; gaps are left out
};

/// Looks at a stitched recording of `size` bytes that was modified at `modified` (Unix nanoseconds) and begins with
/// `header`. It is current when it is as long as its header says, its manifest is this call's, lists exactly its legs
/// and fits the audio's length, no leg in the spool is newer, and none that it calls missing is on this machine by now.
/// Whether its audio is what the manifest's SHA-256 says is not looked at, since that takes reading all of it: see
/// damage.hpp.
Standing examine(const cdr::Call& call, const audio::WavHeader& header, std::uint64_t size, std::int64_t modified,
                 const LocalLegs& legs, Overlap overlap);

/// examine() for the file `stitched_name(call)` in `stitched`. One that mark_damaged() has marked is not current. A
/// current file stays open in `keep`, if given.
Standing examine_file(const cdr::Call& call, const Folder& stitched, const LocalLegs& legs, Overlap overlap,
                      Fd* keep = nullptr);

/// What came of a build.
struct Built {
    audio::Manifest manifest;
    std::chrono::duration<double> length{0};
    std::uint64_t bytes = 0;                ///< of the file
    Exit status = Exit::ok;                 ///< data when a leg was unreadable or shorter than its header promises
    std::vector<std::string> faults;        ///< in words, a line a leg
    std::vector<std::string> being_written; ///< legs that a recorder still has open; then nothing was written
    std::vector<std::string> gone;          ///< legs that left for the archive meanwhile; then nothing was written
};

/// A leg of the call that the recording under its name in `stitched` holds, and `built` lacks, since it is nowhere else
/// any more: then that recording must not be replaced. Empty when there is none. A recording there whose manifest
/// cannot be read is taken to hold what `built` calls missing.
std::string leg_only_in(const Folder& stitched, const cdr::Call& call, const audio::Manifest& built);

/// Joins the call's legs that this machine has into the empty file `out`. Those of `absent`, as legs.absent(call) gave
/// it when the archive was asked, are listed as missing. Sets the file's modification time to when reading began, or to
/// the newest leg's where that is later, so that a leg which changes from now on is newer. Throws Error (cant_create,
/// io, no_permission).
Built build(const cdr::Call& call, const LocalLegs& legs, const std::vector<std::string>& absent, Overlap overlap,
            int out, const std::string& what);

} // namespace pbx::recording

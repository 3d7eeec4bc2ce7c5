// Whether a stitched recording that exists may still be served.
#pragma once

#include "audio/manifest.hpp"
#include "base/fd.hpp"
#include "base/folder.hpp"
#include "recording/overlap.hpp"
#include "recording/resolved_call.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace pbx::recording {

struct Freshness {
    bool current = false;
    bool exists = false;
    bool damaged = false;        ///< marked with mark_damaged()
    bool may_be_damaged = false; ///< what is wrong lies in the recording itself, which damage can do
    std::string reason;          ///< why it is not current: "new", "20260418-1.wav is newer"
    audio::Manifest manifest;    ///< of a current one
};

/// A stitched recording as far as it is known before its audio is read.
struct RecordingSummary {
    audio::WavHeader header;
    std::uint64_t size = 0; ///< bytes of the file
    FileTime modified{};
};

/// A recording is current when it is as long as its header states, its manifest is this call's, lists exactly its legs
/// and fits the audio's length, no leg in the spool is newer, and none that it lists as missing is on this machine now.
/// The audio is not compared with the manifest's checksum, since that means reading all of it: see damage.hpp.
Freshness check_freshness(const ResolvedCall& call, const LocalLegs& legs, const RecordingSummary& recording,
                          Overlap overlap);

/// check_freshness() for the call's file in the folder `stitched`. One that mark_damaged() has marked is not current. A
/// current file stays open in `keep`, if that is given. Throws Error (io, no_permission).
Freshness check_file(const ResolvedCall& call, const LocalLegs& legs, const Folder& stitched, Overlap overlap,
                     Fd* keep = nullptr);

/// check_freshness() for a recording that was removed here to make room, and is in the archive. Not current where there
/// is none. Throws Error (io, no_permission).
Freshness check_evicted(const ResolvedCall& call, const LocalLegs& legs, const Folder& stitched, Overlap overlap);

/// Gives the recording in `stitched` that has the call's name, but is that of another account with the same linkedid,
/// the name that it would have today: LINKEDID.ACCOUNTCODE.wav. It was stitched before the accounts shared the
/// linkedid, or before the call's rows got another account. Throws Error: data when there is a file of that name
/// already; cant_create, io, no_permission.
void rename_for_owner(const ResolvedCall& call, const Folder& stitched);

/// A leg of the call that the recording in `stitched`, or the archive's where that was removed to make room, holds, and
/// `built` lacks because it is nowhere else any more: that recording must then not be replaced. Empty when there is
/// none. Where the recording has no manifest that can be read, it could hold any leg that `built` lacks. Throws
/// Error (io, no_permission).
std::string find_last_copy(const ResolvedCall& call, const Folder& stitched, const audio::Manifest& built);

} // namespace pbx::recording

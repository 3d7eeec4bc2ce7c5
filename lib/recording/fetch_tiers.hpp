// The places that a recording is served from, in the order in which pbx-recording-fetch tries them.
#pragma once

#include "audio/manifest.hpp"
#include "base/deadline.hpp"
#include "base/error.hpp"
#include "recording/answer.hpp"
#include "recording/archived_facts.hpp"
#include "recording/early_check.hpp"
#include "recording/fetch.hpp"
#include "recording/leg_sources.hpp"
#include "recording/resolved_call.hpp"

#include <optional>
#include <string>

namespace pbx::recording {

/// What all tiers work with.
struct FetchWork {
    const FetchOptions& options;
    Deadline deadline;
    LegSources& sources;
    Answer& answer;
    ArchivedFacts& facts;
    EarlyCheck& early;
};

/// Serves one leg as it is, woven now where it waits for that. Returns data when a half of it was unreadable. Throws
/// Error: no_input when it is in no place or has no audio, data when it is ambiguous or not a WAV file, temporary while
/// its halves are being recorded, unavailable, no_permission.
Exit serve_leg(FetchWork& work, const cdr::Call& call, const std::string& name);

/// Serves the leg options.file. One that CDR rows name is served by serve_leg(), and is there for its account alone;
/// one that no row names gets a header with the real length of its audio. Returns as serve_leg(). Throws Error: data
/// for a name that is refused or claimed by two accounts, no_input, temporary, unavailable, no_permission.
Exit serve_file(FetchWork& work);

/// How an attempt to serve the recording on this disk ended.
struct LocalAttempt {
    bool served = false;
    std::string reason;          ///< why it was not served
    std::optional<Error> damage; ///< its audio is damaged: it must be rebuilt
};

/// Tier 1: serves the stitched recording on this disk if it is current and its audio is undamaged. Throws Error.
LocalAttempt serve_local_recording(FetchWork& work, const ResolvedCall& call);

/// Serves the stitched recording on this disk although it is out of date, because it has a leg that is nowhere else.
/// False when its manifest cannot be read. Throws Error (data) when its audio is damaged.
bool serve_outdated_recording(FetchWork& work, const ResolvedCall& call);

/// Tier 2: serves the archive's stitched recording. False when the archive definitely has none that is current. Throws
/// Error.
bool serve_archived_recording(FetchWork& work, const ResolvedCall& call);

/// Tier 3: joins the legs, serves the result and keeps it. Returns data when a leg was unreadable. `local_damage`, if
/// the recording on this disk is damaged, is thrown when that recording has a leg that is nowhere else.
/// `archive_failure` is what kept tier 2 from an answer: legs that are nowhere may then still be in the archive's
/// recording. Throws Error.
Exit serve_rebuilt_recording(FetchWork& work, ResolvedCall call, std::optional<Error> local_damage,
                             const std::optional<Error>& archive_failure);

/// Opens a leg that is on this machine; one in a cache must be what was archived. Nothing when there is none. Throws
/// Error.
std::optional<Fd> find_leg_here(FetchWork& work, const std::string& name);

/// The error for a call whose recording has no audio.
Error no_audio(const cdr::Call& call);

/// Serves the open file `recording`.
void send_recording(FetchWork& work, int recording, const audio::Manifest& manifest, const char* source);

/// The hint for a damaged recording that cannot be rebuilt.
inline constexpr const char* cannot_be_rebuilt =
    "its legs, as far as they are left, can be fetched one by one with pbx-recording-fetch --leg N";

} // namespace pbx::recording

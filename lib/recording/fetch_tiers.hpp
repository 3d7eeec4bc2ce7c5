// The places that a recording is served from, in the order in which pbx-recording-fetch tries them.
#pragma once

#include "audio/manifest.hpp"
#include "base/deadline.hpp"
#include "base/error.hpp"
#include "recording/absence.hpp"
#include "recording/answer.hpp"
#include "recording/archived_facts.hpp"
#include "recording/early_check.hpp"
#include "recording/fetch.hpp"
#include "recording/leg_sources.hpp"
#include "recording/objects_ahead.hpp"
#include "recording/resolved_call.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pbx::recording {

/// What all tiers work with.
struct FetchWork {
    const FetchOptions& options;
    Deadline deadline;
    LegSources& sources;
    Answer& answer;
    ArchivedFacts& facts;
    EarlyCheck& early;
    const ObjectsAhead* ahead = nullptr; ///< instead of questions to the archive, for legs that are woven; null: none
    Exit found = Exit::ok;               ///< what report_left_out() returned for what is served
    std::set<std::string> others{};      ///< legs of whose names the spool has another recording, which was reported

    /// Of what was served.
    Exit status() const { return others.empty() ? found : worst(found, Exit::data); }
};

/// Weaves those legs that wait for it, unless that was done ahead. Returns and throws as LegSources::weave_halves().
Exit weave(FetchWork& work, const std::vector<std::string>& legs);

/// Serves a call: a single leg as it is, otherwise the stitched recording. Returns and throws as fetch().
Exit serve_call(FetchWork& work, cdr::Call call);

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

/// Behind all tiers, for a call of which no leg is left anywhere: serves a recording without a manifest that another
/// program has stored here or in the archive as LINKEDID.wav. False when there is none. Throws Error: AmbiguousLeg when
/// it could be another account's; data when it is not what was archived; unavailable, no_permission.
bool serve_recording_without_manifest(FetchWork& work, const cdr::Call& call);

/// LegSources::set_aside_others() with the facts of the archive; reports each. Whether there was any. Throws Error.
bool set_aside_others(FetchWork& work, std::vector<LocatedLeg>& legs);

/// Opens a leg that is on this machine, in the spool, the folders of these days, or a cache; one in a cache must be
/// what was archived, and one in the spool its continuation. `named` is as for LocalLegs::find_in_spool(). Nothing when
/// there is none. Throws Error: temporary while it is being recorded.
std::optional<Fd> find_leg_here(FetchWork& work, const std::string& name, const std::vector<spool::Day>& days,
                                const spool::Day& named = {});

/// The error for a call whose recording has no audio, perhaps because it was paused.
Absent no_audio(const cdr::Call& call);

/// Names the legs that are not in a recording, in the same words whichever tier it comes from. Returns data when one
/// of them is unreadable.
Exit report_left_out(const cdr::Call& call, const audio::Manifest& manifest);

/// Serves the open file `recording`.
void send_recording(FetchWork& work, int recording, const audio::Manifest& manifest, const char* source);

/// The hint for a damaged recording that cannot be rebuilt.
inline constexpr const char* cannot_be_rebuilt =
    "its legs, as far as they are left, can be fetched one by one with pbx-recording-fetch --leg N";

} // namespace pbx::recording

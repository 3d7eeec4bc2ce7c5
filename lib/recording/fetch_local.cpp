// Tier 1: the stitched recording on this disk.
#include "base/log.hpp"
#include "base/name.hpp"
#include "recording/damage.hpp"
#include "recording/fetch_tiers.hpp"
#include "recording/freshness.hpp"

#include <filesystem>

namespace pbx::recording {

Absent no_audio(const cdr::Call& call) {
    const auto sentence = "the recording of call " + display_name(call) + " has no audio";
    if (call.paused.empty())
        return {"empty", sentence};
    return {"paused", sentence + ": it was paused", "pbx-calls show " + call.linkedid + " prints the pauses"};
}

Exit report_left_out(const cdr::Call& call, const audio::Manifest& manifest) {
    for (const auto& leg : manifest.missing)
        log::warn("call {}: leg {} is missing: it is not in the recording", display_name(call), shown(leg));
    for (const auto& leg : manifest.unreadable)
        log::error({Exit::data, "call " + display_name(call) + ": leg " + shown(leg) +
                                    " is unreadable: it is not in the recording"});
    return manifest.unreadable.empty() ? Exit::ok : Exit::data;
}

void send_recording(FetchWork& work, int recording, const audio::Manifest& manifest, const char* source) {
    const auto size = size_of(recording, "the recording");
    work.answer.send_file({size, manifest.audible(), source, manifest.left_out()}, recording, "the recording");
}

LocalAttempt serve_local_recording(FetchWork& work, const ResolvedCall& call) {
    constexpr const char* none = "no stitched recording here";
    std::error_code ignored;
    if (!std::filesystem::exists(work.options.places.stitched, ignored))
        return {false, none, {}};
    const auto stitched = Folder::open(work.options.places.stitched);
    const auto path = stitched.path_of(call.recording);
    Fd file;
    const auto freshness = check_file(call, work.sources.local(), stitched, work.options.overlap, &file);
    if (freshness.damaged)
        return {false, freshness.reason, Error{Exit::data, path + ": " + freshness.reason, cannot_be_rebuilt}};
    if (!freshness.current)
        return {false, freshness.exists ? "stitched recording here: " + freshness.reason : none, {}};
    if (!freshness.manifest.missing.empty())
        work.facts.prepare_archive();
    if (!work.sources.find_archived(freshness.manifest.missing, work.deadline).empty())
        return {false, "stitched recording here: a leg that was missing is in the archive now", {}};
    if (freshness.manifest.is_all_missing())
        return {false, "stitched recording here: every leg is missing", {}};
    if (freshness.manifest.audible() == 0)
        throw no_audio(call.call);
    // Before any of it is sent, since it can still be rebuilt then. What was read once is sent from memory.
    if (const auto fault = work.early.find_damage(file.get(), path); !fault.empty())
        return {false, fault, Error{Exit::data, path + ": " + fault, cannot_be_rebuilt}};
    work.facts.close();
    work.found = report_left_out(call.call, freshness.manifest);
    send_recording(work, file.get(), freshness.manifest, "stitched-local");
    return {true, {}, {}};
}

bool serve_outdated_recording(FetchWork& work, const ResolvedCall& call) {
    const auto stitched = Folder::open(work.options.places.stitched);
    const auto path = stitched.path_of(call.recording);
    const auto file = stitched.find(call.recording);
    std::optional<audio::Manifest> manifest;
    try {
        if (file)
            manifest = audio::Manifest::from(audio::read_wav_header(file->get(), path));
    } catch (const Error& error) {
        if (error.status() != Exit::data)
            throw;
    }
    if (!manifest)
        return false;
    if (const auto fault = find_damage_in_file(file->get(), path); !fault.empty())
        throw Error{Exit::data, path + ": " + fault, cannot_be_rebuilt};
    manifest->missing = manifest->lacking(call.call.legs);
    work.found = report_left_out(call.call, *manifest);
    send_recording(work, file->get(), *manifest, "stitched-local");
    return true;
}

} // namespace pbx::recording

// Tier 2: the stitched recording in the archive.
#include "base/log.hpp"
#include "recording/fetch_tiers.hpp"
#include "recording/freshness.hpp"
#include "recording/send_object.hpp"
#include "remote/query.hpp"

namespace pbx::recording {

namespace {

// Ends the stream of an object that is not to be served.
struct NotCurrent {
    std::string reason;
};

std::optional<audio::WavHeader> parse_beginning(std::string_view beginning, bool is_all, bool& is_enough) {
    is_enough = true;
    try {
        auto header = audio::parse_wav_header(beginning);
        is_enough = header || is_all;
        return header;
    } catch (const Error& error) {
        if (error.status() != Exit::data)
            throw;
        return std::nullopt;
    }
}

// Throws NotCurrent.
std::optional<ServedObject> decide_on_recording(FetchWork& work, const ResolvedCall& call, const RemoteObject& object,
                                                std::string_view beginning, bool is_all) {
    bool is_enough = false;
    const auto header = parse_beginning(beginning, is_all, is_enough);
    if (!is_enough)
        return std::nullopt;
    if (!header)
        throw NotCurrent{"it is not a WAV file"};
    // Some remotes keep whole seconds: take the last instant of the second.
    const FileTime modified = object.modified + std::chrono::seconds{1} - std::chrono::nanoseconds{1};
    auto freshness =
        check_freshness(call, work.sources.local(), {*header, object.size, modified}, work.options.overlap);
    if (!freshness.current)
        throw NotCurrent{freshness.reason};
    auto& manifest = freshness.manifest;
    if (!work.sources.find_archived(manifest.missing, work.deadline).empty())
        throw NotCurrent{"a leg that was missing is in the archive now"};
    if (manifest.audible() == 0)
        throw no_audio(call.call);
    return ServedObject{{std::nullopt, manifest.audible(), "stitched-remote", manifest.missing.size()},
                        header->data_offset,
                        std::move(manifest)};
}

} // namespace

bool serve_archived_recording(FetchWork& work, const ResolvedCall& call) {
    if (work.sources.archive() == nullptr)
        return false;
    const auto object = find_object(*work.sources.archive(), Shelf::stitched, call.recording, work.deadline);
    if (!object) {
        log::note("no stitched recording in the archive");
        return false;
    }
    try {
        send_object(work, Shelf::stitched, call.recording, *object, [&](std::string_view beginning, bool is_all) {
            return decide_on_recording(work, call, *object, beginning, is_all);
        });
        return true;
    } catch (const NotCurrent& outdated) {
        log::note("stitched recording in the archive: {}", outdated.reason);
        return false;
    }
}

} // namespace pbx::recording

// Tier 2: the stitched recording in the archive.
#include "base/log.hpp"
#include "recording/fetch_tiers.hpp"
#include "recording/freshness.hpp"
#include "recording/send_object.hpp"
#include "remote/query.hpp"

#include <algorithm>
#include <utility>

namespace pbx::recording {

namespace {

// Ends the stream of an object that is not to be served.
struct NotCurrent {
    std::string reason;
    bool may_be_damaged = false; ///< the fault may be in the object, not in the call or on this machine
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
        throw NotCurrent{"it is not a WAV file", true};
    // Some remotes keep whole seconds: take the last instant of the second.
    const FileTime modified = object.modified + std::chrono::seconds{1} - std::chrono::nanoseconds{1};
    auto freshness =
        check_freshness(call, work.sources.local(), {*header, object.size, modified}, work.options.overlap);
    if (!freshness.current)
        throw NotCurrent{freshness.reason, freshness.may_be_damaged};
    auto& manifest = freshness.manifest;
    if (!work.sources.find_archived(manifest.missing, work.deadline).empty())
        throw NotCurrent{"a leg that was missing is in the archive now"};
    if (manifest.audible() == 0)
        throw no_audio(call.call);
    return ServedObject{{std::nullopt, manifest.audible(), "stitched-remote", manifest.missing.size()},
                        header->data_offset,
                        std::move(manifest)};
}

// A recording with facts, for a call without a leg in the spool, which could be newer, needs no question before it is
// read. Its size and hashes are then those of the facts.
std::optional<RemoteObject> find_recording(FetchWork& work, const ResolvedCall& call,
                                           const std::optional<Content>& known) {
    const bool compares_times = std::any_of(call.legs.begin(), call.legs.end(), [](const LocatedLeg& leg) {
        return leg.place == LocatedLeg::Place::spool;
    });
    std::optional<RemoteObject> object{std::in_place};
    if (!known || compares_times)
        object = find_object(*work.sources.archive(), Shelf::stitched, call.recording, work.deadline);
    if (object && known) {
        object->size = known->size;
        object->md5 = known->md5;
    }
    return object;
}

// False when the archive has no such object after all.
bool send_recording_object(FetchWork& work, const ResolvedCall& call, const RemoteObject& object,
                           const Content& expected) {
    return send_object(work, Shelf::stitched, call.recording, expected, [&](std::string_view beginning, bool is_all) {
        return decide_on_recording(work, call, object, beginning, is_all);
    });
}

} // namespace

bool serve_archived_recording(FetchWork& work, const ResolvedCall& call) {
    if (work.sources.archive() == nullptr)
        return false;
    const auto known = work.facts.of_recording(call.recording);
    const auto object = find_recording(work, call, known);
    const auto expected = known ? *known : object ? Content{object->size, object->md5, {}} : Content{};
    try {
        if (object && send_recording_object(work, call, *object, expected))
            return true;
        log::note("no stitched recording in the archive");
        return false;
    } catch (const NotCurrent& outdated) {
        if (known && outdated.may_be_damaged)
            require_undamaged(work, Shelf::stitched, call.recording, expected);
        log::note("stitched recording in the archive: {}", outdated.reason);
        return false;
    }
}

} // namespace pbx::recording

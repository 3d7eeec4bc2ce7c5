// Tier 2: the stitched recording in the archive.
#include "base/log.hpp"
#include "recording/fetch_tiers.hpp"
#include "recording/freshness.hpp"
#include "recording/send_object.hpp"
#include "remote/query.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
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

// Some remotes keep whole seconds.
FileTime last_instant_of(std::chrono::sys_seconds second) {
    return second + std::chrono::seconds{1} - std::chrono::nanoseconds{1};
}

// The manifest of a recording that may be served. Throws NotCurrent.
audio::Manifest require_current(FetchWork& work, const ResolvedCall& call, const RecordingSummary& recording) {
    auto freshness = check_freshness(call, work.sources.local(), recording, work.options.overlap);
    if (!freshness.current)
        throw NotCurrent{freshness.reason, freshness.may_be_damaged};
    if (!work.sources.find_archived(freshness.manifest.missing, work.deadline).empty())
        throw NotCurrent{"a leg that was missing is in the archive now"};
    if (freshness.manifest.is_all_missing())
        throw NotCurrent{"every leg is missing"};
    if (freshness.manifest.audible() == 0)
        throw no_audio(call.call);
    work.found = report_left_out(call.call, freshness.manifest);
    return std::move(freshness.manifest);
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
    auto manifest = require_current(work, call, {*header, object.size, last_instant_of(object.modified)});
    AnswerHeaders headers{0, manifest.audible(), "stitched-remote", manifest.left_out()};
    headers.modified = work.facts.archived_at("stitched/" + call.recording);
    if (!headers.modified && object.modified != std::chrono::sys_seconds{})
        headers.modified = object.modified;
    return ServedObject{std::move(headers), header->data_offset, std::move(manifest), *header};
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

// Streams the recording from the archive.
bool send_archived(FetchWork& work, const ResolvedCall& call) {
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

// The header of a file that was fetched whole and as it was archived.
audio::WavHeader header_of(const Fd& file, const std::string& name) {
    try {
        return audio::read_wav_header(file.get(), name);
    } catch (const Error& error) {
        if (error.status() != Exit::data)
            throw;
        throw NotCurrent{"it is not a WAV file"};
    }
}

bool send_ahead(FetchWork& work, const ResolvedCall& call) {
    const auto file = work.ahead->recordings.open(call.recording);
    if (!file) {
        log::note("no stitched recording in the archive");
        return false;
    }
    struct stat status {};
    if (::fstat(file->get(), &status) != 0)
        throw system_error(Exit::io, "cannot look at " + call.recording, errno);
    const auto modified = std::chrono::floor<std::chrono::seconds>(modification_time(status));
    try {
        const auto manifest = require_current(
            work, call,
            {header_of(*file, call.recording), static_cast<std::uint64_t>(status.st_size), last_instant_of(modified)});
        if (const auto fault = work.ahead->recordings.faults.find(call.recording);
            fault != work.ahead->recordings.faults.end())
            throw Error{Exit::data, call.recording + " in the archive: " + fault->second};
        send_recording(work, file->get(), manifest, "stitched-remote");
        return true;
    } catch (const NotCurrent& outdated) {
        log::note("stitched recording in the archive: {}", outdated.reason);
        return false;
    }
}

} // namespace

bool serve_archived_recording(FetchWork& work, const ResolvedCall& call) {
    if (work.sources.archive() == nullptr)
        return false;
    const bool is_here = work.ahead != nullptr && work.ahead->recordings.asked.contains(call.recording);
    return is_here ? send_ahead(work, call) : send_archived(work, call);
}

} // namespace pbx::recording

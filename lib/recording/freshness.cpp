// The same checks for the file on this disk and for the object in the archive.
#include "recording/freshness.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "recording/damage.hpp"
#include "recording/evicted_header.hpp"

#include <stdio.h> // NOLINT(modernize-deprecated-headers): renameat2 is not in <cstdio>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

namespace pbx::recording {

namespace {

Freshness outdated(std::string reason) {
    return {false, true, false, false, std::move(reason), {}};
}

Freshness unfit(std::string reason) {
    return {false, true, false, true, std::move(reason), {}};
}

std::string find_newer_leg(const std::vector<LocatedLeg>& legs, FileTime modified) {
    for (const auto& leg : legs)
        if (leg.place == LocatedLeg::Place::spool && leg.modified > modified)
            return leg.name;
    return {};
}

// Nothing when the file has no manifest, or none that can be read.
std::optional<audio::Manifest> read_manifest(int fd) {
    try {
        return audio::Manifest::from(audio::read_wav_header(fd, "the stitched recording"));
    } catch (const Error& error) {
        if (error.status() != Exit::data)
            throw;
        return std::nullopt;
    }
}

} // namespace

Freshness check_freshness(const ResolvedCall& call, const LocalLegs& legs, const RecordingSummary& recording,
                          Overlap overlap) {
    const auto& header = recording.header;
    if (header.data_offset + header.data_size != recording.size)
        return unfit("it is not whole");
    auto manifest = audio::Manifest::from(header);
    if (!manifest)
        return unfit("it has no manifest");
    if (manifest->linkedid != call.call.linkedid || manifest->accountcode != call.call.accountcode)
        return unfit("it belongs to another call");
    if (manifest->trimmed != (overlap == Overlap::trim))
        return outdated(manifest->trimmed ? "it was made with --overlap trim" : "it was made with --overlap keep");
    if (!manifest->lists(call.call.legs))
        return unfit("its legs are not those of the CDR");
    if (manifest->paused != call.call.paused)
        return outdated("its pauses are not those of the CDR");
    if (manifest->consent != call.call.consent)
        return outdated("its consent is not that of the CDR");
    if (!manifest->fits(header))
        return unfit("its manifest does not fit its audio");
    if (const auto name = find_newer_leg(call.legs, recording.modified); !name.empty())
        return outdated(name + " is newer");
    for (const auto& name : manifest->missing)
        if (legs.has(name, legs.days_of(call.call, name)))
            return outdated(name + " was missing and is here now");
    return {true, true, false, false, {}, *std::move(manifest)};
}

Freshness check_file(const ResolvedCall& call, const LocalLegs& legs, const Folder& stitched, Overlap overlap,
                     Fd* keep) {
    try {
        auto file = stitched.find(call.recording);
        if (!file)
            return {false, false, false, false, "new", {}};
        struct stat status {};
        if (::fstat(file->get(), &status) != 0)
            throw system_error(Exit::io, "cannot look at " + stitched.path_of(call.recording), errno);
        const auto modified = modification_time(status);
        if (modified == damaged_time)
            return {false, true, true, false, "its audio is damaged", {}};
        const RecordingSummary recording{audio::read_wav_header(file->get(), call.recording),
                                         static_cast<std::uint64_t>(status.st_size), modified};
        auto freshness = check_freshness(call, legs, recording, overlap);
        if (freshness.current && keep != nullptr)
            *keep = *std::move(file);
        return freshness;
    } catch (const Error& error) {
        if (error.status() != Exit::data)
            throw;
        return outdated(error.what());
    }
}

Freshness check_evicted(const ResolvedCall& call, const LocalLegs& legs, const Folder& stitched, Overlap overlap) {
    try {
        const auto file = find_evicted_header(stitched, call.recording);
        if (!file)
            return {};
        struct stat status {};
        if (::fstat(file->get(), &status) != 0)
            throw system_error(Exit::io, "cannot look at the header of " + stitched.path_of(call.recording), errno);
        const auto header = audio::read_wav_header(file->get(), call.recording);
        return check_freshness(call, legs, {header, header.data_offset + header.data_size, modification_time(status)},
                               overlap);
    } catch (const Error& error) {
        if (error.status() != Exit::data)
            throw;
        return {};
    }
}

void rename_for_owner(const ResolvedCall& call, const Folder& stitched) {
    const auto file = stitched.find(call.recording);
    const auto manifest = file ? read_manifest(file->get()) : std::nullopt;
    if (!manifest || manifest->linkedid != call.call.linkedid || manifest->accountcode == call.call.accountcode)
        return;
    cdr::Call owner;
    owner.linkedid = manifest->linkedid;
    owner.accountcode = manifest->accountcode;
    owner.shared = true;
    const auto name = stitched_name(owner);
    if (name == call.recording)
        return; // of rows that had no account
    const auto* from = call.recording.c_str();
    bool is_renamed = ::renameat2(stitched.fd(), from, stitched.fd(), name.c_str(), RENAME_NOREPLACE) == 0;
    // Not every file system has that.
    if (!is_renamed && errno == EINVAL)
        is_renamed = ::linkat(stitched.fd(), from, stitched.fd(), name.c_str(), 0) == 0 &&
                     ::unlinkat(stitched.fd(), from, 0) == 0;
    if (is_renamed)
        return log::note("renamed {} to {}: it is the recording of another account", call.recording, name);
    throw system_error(errno == EEXIST ? Exit::data : Exit::cant_create,
                       stitched.path_of(call.recording) + " is the recording of another account, and cannot be renamed",
                       errno, "move it away");
}

std::string find_last_copy(const ResolvedCall& call, const Folder& stitched, const audio::Manifest& built) {
    auto file = stitched.find(call.recording);
    if (!file)
        file = find_evicted_header(stitched, call.recording);
    if (!file)
        return {};
    auto lacking = built.missing;
    lacking.insert(lacking.end(), built.unreadable.begin(), built.unreadable.end());
    const auto manifest = read_manifest(file->get());
    if (!manifest)
        return lacking.empty() ? std::string{} : lacking.front();
    if (manifest->linkedid != call.call.linkedid || manifest->accountcode != call.call.accountcode)
        return {};
    return manifest->first_audible(lacking);
}

} // namespace pbx::recording

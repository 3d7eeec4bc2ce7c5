// Tier 3: the recording built now from the legs, wherever they are.
#include "base/atomic_file.hpp"
#include "base/log.hpp"
#include "base/name.hpp"
#include "recording/build.hpp"
#include "recording/fetch_tiers.hpp"
#include "recording/freshness.hpp"
#include "recording/spool_space.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace pbx::recording {

namespace {

// The size of the legs in bytes; the recording is about as large.
std::uint64_t size_of_legs(const ResolvedCall& call) {
    std::uint64_t bytes = 0;
    for (const auto& leg : call.legs)
        if (leg.place == LocatedLeg::Place::spool)
            bytes += leg.size;
        else if (const auto found = leg.folder == nullptr ? std::nullopt : leg.folder->look(leg.name))
            bytes += static_cast<std::uint64_t>(found->st_size);
    return bytes;
}

// The file to build into: in the folder of stitched recordings, so that it is kept, or without a name.
class Target {
  public:
    Target(FetchWork& work, const ResolvedCall& call, bool keep) {
        if (keep)
            open_kept(work, call);
        if (!file_)
            nameless_ = nameless_file();
    }

    bool is_kept() const { return file_.has_value(); }
    int fd() const { return file_ ? file_->fd() : nameless_.get(); }
    /// Another descriptor of the file, which commit() and discard() leave open.
    Fd duplicate() const { return Fd{::dup(fd())}; }
    void commit(const ResolvedCall& call) {
        if (!file_)
            return;
        try {
            rename_for_owner(call, *stitched_);
        } catch (const Error& error) {
            log::note("the result is not kept: {}", error.what());
            return discard();
        }
        file_->commit();
    }
    void discard() { file_.reset(); }

  private:
    void open_kept(FetchWork& work, const ResolvedCall& call) {
        const auto& spool = work.sources.local().spool();
        try {
            stitched_ = Folder::create(work.options.places.stitched, &spool);
            const SpoolSpace space{spool, work.options.places.space};
            if (space.holds(*stitched_) && space.available() < size_of_legs(call))
                throw Error{Exit::cant_create, "the remaining space is reserved for Asterisk"};
            file_.emplace(*stitched_, call.recording, 0640, work.deadline);
        } catch (const Error& error) {
            if (error.status() != Exit::cant_create && error.status() != Exit::no_permission)
                throw;
            log::note("the result is not kept: {}", error.what());
        }
    }

    std::optional<Folder> stitched_;
    std::optional<AtomicFile> file_;
    Fd nameless_;
};

// Throws the failure of the first leg that the archive could not give, unless it gave a damaged one: the others are
// served without it.
void bring_back_legs(FetchWork& work, ResolvedCall& call) {
    call.legs = work.sources.local().find_in_spool(call.call);
    set_aside_others(work, call.legs);
    const auto archived = names_elsewhere(call.legs);
    if (archived.empty())
        return;
    const auto& expected = work.facts.of_legs();
    work.sources.find_in_caches(call.legs, expected);
    auto fetched = work.sources.bring_back(names_elsewhere(call.legs), expected, work.deadline);
    for (const auto& [name, failure] : fetched.failures) {
        if (failure.status() != Exit::data)
            throw Error{failure};
        fetched.damaged.insert_or_assign(name, failure);
    }
    work.sources.find_in_caches(call.legs, expected);
    mark_damaged_legs(call.legs, fetched.damaged);
}

bool is_any_damaged(const ResolvedCall& call) {
    return std::any_of(call.legs.begin(), call.legs.end(), [](const LocatedLeg& leg) { return !leg.damage.empty(); });
}

// A leg that only the recording on this disk has; empty when there is none.
std::string find_last_copy_here(const FetchWork& work, const ResolvedCall& call, const audio::Manifest& built) {
    std::error_code ignored;
    if (!std::filesystem::exists(work.options.places.stitched, ignored))
        return {};
    return find_last_copy(call, Folder::open(work.options.places.stitched), built);
}

// Throws why a recording without audio has none.
[[noreturn]] void throw_silence(const FetchWork& work, const ResolvedCall& call, const BuildResult& built) {
    const auto name = display_name(call.call);
    if (built.status != Exit::ok)
        throw Error{built.status, "no leg of call " + name + " can be read"};
    if (built.manifest.missing.empty() || !built.manifest.empty.empty())
        throw no_audio(call.call);
    if (work.sources.archive() == nullptr)
        throw not_here("no leg of call " + name + " is in the spool");
    throw Absent{"missing", "no leg of call " + name + " is in the spool or in the archive",
                 "pbx-archive audit lists every recording that is missing"};
}

} // namespace

Exit serve_rebuilt_recording(FetchWork& work, ResolvedCall call, std::optional<Error> local_damage,
                             const std::optional<Error>& archive_failure) {
    bring_back_legs(work, call);
    const auto absent = names_elsewhere(call.legs);
    // The archive may hold the whole call in the recording that it did not give.
    if (!absent.empty() && archive_failure)
        throw Error{*archive_failure};
    // A damaged leg may be given undamaged by the next fetch.
    const bool keep = !is_any_damaged(call) && (absent.empty() || other_nodes_are_done(call.call));
    Target target{work, call, keep};
    // The target may have waited for another process that built the same recording.
    if (target.is_kept()) {
        auto local = serve_local_recording(work, call);
        if (local.served)
            return Exit::ok;
        local_damage.swap(local.damage);
    }
    const auto built = build_recording(call, work.options.overlap, target.fd(),
                                       "the stitched recording of call " + display_name(call.call));
    if (!built.being_written.empty())
        throw Error{Exit::temporary,
                    "call " + display_name(call.call) + ": leg " + built.being_written.front() +
                        " is still being recorded",
                    "try again when the call has ended"};
    if (!built.gone.empty()) {
        // The archive took a leg since it was found here: now it can be brought back.
        target.discard();
        return serve_rebuilt_recording(work, std::move(call), std::move(local_damage), archive_failure);
    }
    for (const auto& fault : built.faults)
        log::error({built.status, "call " + display_name(call.call) + ": " + fault});
    const auto recording = target.duplicate();
    if (const auto leg = find_last_copy_here(work, call, built.manifest); !leg.empty()) {
        log::note("the stitched recording here is kept: only it has leg {}", shown(leg));
        target.discard();
        if (local_damage)
            throw Error{*local_damage};
        if (serve_outdated_recording(work, call))
            return Exit::ok;
    }
    if (built.manifest.audible() == 0) {
        const bool may_be_elsewhere = built.manifest.is_all_missing() && !local_damage;
        if (may_be_elsewhere && serve_recording_without_manifest(work, call.call))
            return Exit::ok;
        throw_silence(work, call, built);
    }
    target.commit(call);
    work.found = report_left_out(call.call, built.manifest);
    send_recording(work, recording.get(), built.manifest, "stitched-ondemand");
    return built.status;
}

} // namespace pbx::recording

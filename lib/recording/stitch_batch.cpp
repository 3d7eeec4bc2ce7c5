// Syncing each file would take longer than joining it: one sync for the whole file system, then the renames.
#include "recording/stitch_batch.hpp"

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/name.hpp"
#include "base/parallel.hpp"
#include "recording/build.hpp"
#include "recording/freshness.hpp"

#include <optional>
#include <utility>

namespace pbx::recording {

namespace {

struct Written {
    std::optional<AtomicFile> file; ///< nothing when the call was not built
    BuildResult built;
};

// Why a call that was not built waits for the next run; empty when it was built.
std::string reason_to_wait(const BuildResult& built) {
    if (!built.being_written.empty())
        return "leg " + built.being_written.front() + " is still being recorded";
    if (!built.gone.empty())
        return "leg " + built.gone.front() + " was moved to or from the archive at this moment";
    return {};
}

void require_no_last_copy(const StitchTask& task, const Folder& stitched, const audio::Manifest& built) {
    const auto leg = find_last_copy(task.call, stitched, built);
    if (leg.empty())
        return;
    const auto recording = stitched.look(task.call.recording) ? stitched.path_of(task.call.recording)
                                                              : "the archive's " + task.call.recording;
    throw Error{Exit::data,
                "leg " + shown(leg) + " exists only in " + recording + ", which is therefore kept although " +
                    task.reason,
                "put the leg back into the spool or the archive; or, to do without it, move that file away"};
}

void build_one(const StitchBatch& batch, StitchTask& task, Written& written, StitchResults& results) {
    const auto& call = task.call.call;
    auto file = AtomicFile::try_begin(batch.stitched, task.call.recording, 0640);
    if (!file) {
        results.left(call, "another process is writing it at this moment");
        return;
    }
    // A fetch may have written it since the first look.
    const ResolvedCall now{call, task.call.recording, batch.legs.find_in_spool(call)};
    const auto freshness = check_file(now, batch.legs, batch.stitched, batch.overlap);
    if (freshness.current && freshness.manifest.missing.empty()) {
        results.up_to_date(call);
        return;
    }
    auto built = build_recording(task.call, batch.overlap, file->fd(), batch.stitched.path_of(task.call.recording));
    if (const auto reason = reason_to_wait(built); !reason.empty()) {
        results.left(call, reason);
        return;
    }
    rename_for_owner(task.call, batch.stitched);
    require_no_last_copy(task, batch.stitched, built.manifest);
    if (built.manifest.audible() == 0) {
        results.without_audio(call, built);
        return;
    }
    file->start_writing_out();
    written.file.emplace(*std::move(file));
    written.built = std::move(built);
}

} // namespace

void build_batch(const StitchBatch& batch, std::span<StitchTask> tasks, StitchResults& results) {
    std::vector<Written> written(tasks.size());
    parallel_for(tasks.size(), batch.jobs, [&](std::size_t i) {
        try {
            build_one(batch, tasks[i], written[i], results);
            results.add_bytes(written[i].built.bytes);
        } catch (const Error& error) {
            results.failed(tasks[i].call.call, error);
        }
    });
    std::vector<AtomicFile> files;
    std::vector<std::size_t> finished;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        if (!written[i].file)
            continue;
        files.push_back(*std::move(written[i].file));
        finished.push_back(i);
    }
    try {
        AtomicFile::commit_all(files, batch.stitched);
    } catch (const Error& error) {
        results.failed(error);
        for (const auto i : finished)
            results.not_saved(tasks[i].call.call, error);
        return;
    }
    for (const auto i : finished)
        results.stitched(tasks[i].call.call, tasks[i].reason, written[i].built);
}

} // namespace pbx::recording

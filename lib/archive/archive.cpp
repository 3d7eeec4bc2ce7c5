// Copies come first: a call whose legs have left is served from its stitched recording.
#include "archive/archive.hpp"

#include "archive/archive_check.hpp"
#include "archive/archive_report.hpp"
#include "archive/context.hpp"
#include "archive/housekeeping.hpp"
#include "archive/leg_moves.hpp"
#include "archive/other_nodes.hpp"
#include "archive/stitched_copies.hpp"
#include "base/folder.hpp"
#include "base/lock.hpp"
#include "base/output.hpp"
#include "recording/metrics.hpp"
#include "recording/metrics_run.hpp"
#include "remote/remote.hpp"

#include <functional>
#include <optional>

namespace pbx::archive {

namespace {

Exit archive_with_metrics(const ArchiveOptions& options, recording::Metrics& metrics) {
    const auto deadline = Deadline::of_run(options.timeout);
    const auto spool = Folder::open(options.places.spool);
    OtherNodes nodes{options.database, options.node, options.places.spool};
    std::optional<RunLock> lock;
    if (!options.dry_run)
        lock.emplace(spool, ".pbx-archive.lock");
    Remote remote{options.places.remote, options.places.rclone, lock ? lock->fd() : -1, options.places.transfers};
    ArchiveReport report{options.json, options.dry_run, metrics};
    FactsJournal facts{spool, options, report};
    ArchiveContext context{options, deadline, remote, report, facts};
    nodes.enter(options.dry_run);
    const auto run_part = [&](const std::function<void()>& part) {
        try {
            part();
            return true;
        } catch (const Error& error) {
            report.add_run_failure(error);
            return false;
        }
    };
    const auto load_facts = [&] {
        if (!options.dry_run)
            facts.load(deadline);
    };
    run_part(load_facts);
    if (run_part([&] { require_archive(remote, nodes, spool, options.dry_run, deadline); })) {
        run_part([&] { copy_stitched(context); });
        // At once: until then a recording that replaces an older one differs from the facts that the database has.
        run_part(load_facts);
        run_part([&] { move_legs(context, spool, nodes); });
        run_part(load_facts);
        run_part([&] { make_room(context, spool); });
    }
    // Last, since a database that does not answer must not hold up the legs.
    if (!options.dry_run)
        facts.name_owners(deadline);
    return report.finish();
}

} // namespace

Exit archive_recordings(const ArchiveOptions& options) {
    if (options.places.remote.empty())
        throw Error{Exit::config, "no remote is configured, so there is nowhere to archive to",
                    "set --remote or PBX_REMOTE to an rclone path such as gcs:bucket/recordings; see pbx.conf(5)"};
    options.places.require_apart();
    output::go_on_without_reader();
    const recording::Metrics::Counters counters{
        {"legs_moved", "Legs that left the spool for the archive."},
        {"legs_moved_bytes", "Bytes of legs that left the spool for the archive."},
        {"stitched_copied", "Stitched recordings copied to the archive."},
        {"copies_removed", "Files that were removed from this disk to make room, since the archive has them."},
        {"copies_removed_bytes", "Bytes of such files."},
        {"stitched_copied_bytes", "Bytes of stitched recordings copied to the archive."},
    };
    const recording::MetricsOptions metrics_options{options.dry_run ? std::string{} : options.metrics, "archive",
                                                    options.timeout};
    return recording::with_metrics(metrics_options, counters,
                                   [&](recording::Metrics& metrics) { return archive_with_metrics(options, metrics); });
}

} // namespace pbx::archive

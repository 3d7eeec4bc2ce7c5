// The database is locked from the first look to the end, so that of two machines the second one adopts the marker of
// the first.
#include "archive/init.hpp"

#include "archive/known_archive.hpp"
#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/folder.hpp"
#include "base/lock.hpp"
#include "base/log.hpp"
#include "base/moment.hpp"
#include "db/archives.hpp"
#include "db/session.hpp"
#include "remote/archive_marker.hpp"
#include "remote/remote.hpp"
#include "remote/store_text.hpp"
#include "spool/archived_mark.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

namespace pbx::archive {

namespace {

class ArchiveInit {
  public:
    ArchiveInit(const InitOptions& options, const Folder& spool, int lock, soci::session& session)
        : options_{options}, spool_{spool}, lock_{lock}, deadline_{Deadline::of_run(options.timeout)},
          remote_{options.places.remote, options.places.rclone, lock},
          record_{session, remote_.display_path(), deadline_}, shown_{"remote " + remote_.display_path()} {}

    void run() {
        const auto& text = remote_.marker_text(deadline_);
        if (text.empty())
            return create_missing();
        if (const auto marker = parse_archive_marker(text))
            return accept(*marker);
        if (!options_.replace)
            throw Error{Exit::config, shown_ + ": its marker " + archive_marker_name + " is damaged",
                        "check what is stored there; to replace the marker, run pbx-archive init --replace"};
        create();
    }

  private:
    void create_missing() {
        if (record_.id() && !options_.replace)
            throw Error{Exit::unavailable,
                        shown_ + " has no marker " + archive_marker_name +
                            ", but the database remembers it as the archive " + *record_.id(),
                        "check that its disk is mounted and that --remote is right; if a new archive begins there, run "
                        "pbx-archive init --replace"};
        create();
    }

    void accept(const ArchiveMarker& marker) {
        const auto known = record_.id();
        const auto is = shown_ + " is an archive already: " + marker.id;
        if (known == marker.id) {
            keep_in_spool(marker.id);
            log::warn("{}", is);
            return;
        }
        if (known && !options_.replace)
            throw Error{
                Exit::config, is + ", but the database remembers " + *known + " there",
                "check which disk is mounted there, and that --remote and --database are right; if it is the right "
                "archive, run pbx-archive init --replace"};
        remember(marker.id);
        log::warn("{}, made {}; the database {} it{}", is, marker.made,
                  options_.dry_run ? "would remember" : "remembers", known ? " instead of " + *known : std::string{});
    }

    void create() {
        remote_.require_bucket(deadline_);
        if (options_.dry_run) {
            log::warn("would make {} an archive", shown_);
            return;
        }
        const auto marker = make_archive_marker(current_second());
        store_text(remote_, Shelf::legs, archive_marker_name, to_json(marker), deadline_);
        require_apart(marker);
        remote_.sync(deadline_);
        require_stored(marker);
        remember(marker.id);
        log::warn("{} is an archive now: {}", shown_, marker.id);
    }

    // A remote that leads to a folder of ours shows it only now; then the marker goes again.
    void require_apart(const ArchiveMarker& marker) const {
        try {
            options_.places.require_apart();
        } catch (const Error&) {
            const auto& places = options_.places;
            for (const std::filesystem::path folder : {places.spool, places.stitched, places.stitch_src})
                for (const auto& place : {folder, folder.parent_path()})
                    remove_marker(place, to_json(marker));
            throw;
        }
    }

    static void remove_marker(const std::filesystem::path& place, const std::string& text) {
        std::error_code failed;
        if (!std::filesystem::exists(place / archive_marker_name, failed))
            return;
        const auto folder = Folder::open(place.native());
        const auto file = folder.find(archive_marker_name);
        if (file && read_file(file->get(), archive_marker_name) == text)
            folder.remove(archive_marker_name);
    }

    void require_stored(const ArchiveMarker& marker) {
        Remote again{options_.places.remote, options_.places.rclone, lock_};
        again.accept_only({marker.id});
        again.require_archive(deadline_);
    }

    void remember(const std::string& id) {
        if (options_.dry_run)
            return;
        record_.remember(id);
        keep_in_spool(id);
    }

    // Another archive begins where this machine knew one: its recordings are not in this one.
    void keep_in_spool(const std::string& id) const {
        if (options_.dry_run)
            return;
        const auto before = known_archive(spool_, remote_.display_path());
        if (before && *before != id)
            forget_stitched_copies();
        keep_known_archive(spool_, remote_.display_path(), id, deadline_);
    }

    void forget_stitched_copies() const {
        std::error_code ignored;
        if (!std::filesystem::exists(options_.places.stitched, ignored))
            return;
        const auto stitched = Folder::open(options_.places.stitched);
        std::size_t forgotten = 0;
        stitched.for_each_name(
            [&](const std::string& name) { forgotten += spool::ArchivedMark::remove(stitched.path_of(name)) ? 1 : 0; });
        if (forgotten > 0)
            log::warn("{} stitched recording{} on this disk will be copied to the new archive", forgotten,
                      forgotten == 1 ? "" : "s");
    }

    const InitOptions& options_;
    const Folder& spool_;
    int lock_;
    Deadline deadline_;
    Remote remote_;
    db::ArchiveRecord record_;
    std::string shown_;
};

} // namespace

Exit init_archive(const InitOptions& options) {
    if (options.places.remote.empty())
        throw Error{Exit::config, "no remote is configured, so there is no place for an archive",
                    "set --remote or PBX_REMOTE to an rclone path such as gcs:bucket/recordings; see pbx.conf(5)"};
    options.places.require_apart();
    const auto spool = Folder::open(options.places.spool);
    std::optional<RunLock> lock;
    if (!options.dry_run)
        lock.emplace(spool, ".pbx-archive.lock");
    soci::session session;
    db::connect(session, options.database, options.timeout);
    ArchiveInit{options, spool, lock ? lock->fd() : -1, session}.run();
    return Exit::ok;
}

} // namespace pbx::archive

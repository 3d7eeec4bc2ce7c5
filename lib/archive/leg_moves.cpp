// Never uploads over a different leg: either may be the only copy.
#include "archive/leg_moves.hpp"

#include "archive/batches.hpp"
#include "archive/leg_release.hpp"
#include "archive/shared_names.hpp"
#include "archive/uploads.hpp"
#include "archive/writers.hpp"
#include "base/file_status.hpp"
#include "base/hash.hpp"
#include "base/log.hpp"
#include "base/moment.hpp"
#include "base/name.hpp"
#include "remote/archive_marker.hpp"
#include "spool/archived_mark.hpp"
#include "spool/halves.hpp"
#include "spool/leg_file.hpp"
#include "spool/leg_folders.hpp"
#include "spool/paused_mark.hpp"
#include "spool/removal.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

namespace pbx::archive {

namespace {

// Uploads under shared names that begin at once; fewer after a batch that did not end in time.
constexpr std::size_t shared_names_at_once = 64;

enum class RemoteLeg { absent, same, earlier_part, different };

class LegMoves {
  public:
    LegMoves(ArchiveContext& context, const Folder& spool, OtherNodes& nodes)
        : context_{context}, folders_{spool, context.options.places.layout}, nodes_{nodes},
          mark_{spool::mark_of_legs(context.options.places.remote)},
          release_{context, folders_, nodes, writers_, mark_}, halves_{find_halves(context.report, spool)} {}

    void run() {
        Progress progress{"looking at legs", "files"};
        const auto report = [&](const Error& error) { context_.report.add_run_failure(error); };
        days_ = folders_.days(report);
        same_names_ = spool::find_same_names(folders_, days_, report);
        process_in_batches(
            context_, Shelf::legs, progress,
            {[&](const auto& each) { list(each); }, [&](const std::string& path) { return find_due(path); },
             [&](const std::string& path) { return select_or_restore(path); }, [&](FileBatch& batch) { move(batch); },
             [&](std::vector<SourceFile>& legs) { return take_facts(folders_.spool(), legs); }});
        release_.finish();
    }

  private:
    struct Place {
        spool::Day day;
        std::string name;
    };

    static Place place_of(const std::string& path) {
        const auto slash = path.rfind('/');
        return slash == std::string::npos ? Place{{}, path} : Place{path.substr(0, slash), path.substr(slash + 1)};
    }

    void list(const std::function<void(const std::string& path)>& each) {
        folders_.for_each_name(
            days_,
            [&](const spool::Day& day, const Folder& folder, const std::string& name) {
                if (name == archive_marker_name)
                    throw Error{Exit::config,
                                "folder " + folder.path().native() + " is a part of an archive: it has " + name,
                                "give --remote and --spool places of their own"};
                each(spool::path_below_spool(day, name));
            },
            [&](const Error& error) { context_.report.add_run_failure(error); });
    }

    // Nothing where the file cannot be looked at either: select_or_restore() reports that.
    std::optional<struct stat> find_due(const std::string& path) const {
        try {
            const auto [day, name] = place_of(path);
            const auto folder = folders_.find_day(day);
            auto found = folder ? spool::find_leg(*folder, name) : std::nullopt;
            return found && S_ISREG(found->st_mode) && !is_young(*found) ? found : std::nullopt;
        } catch (const Error&) {
            return std::nullopt;
        }
    }

    static std::optional<spool::HalvesFolder> find_halves(ArchiveReport& report, const Folder& spool) {
        try {
            return spool::HalvesFolder::find(spool);
        } catch (const Error& error) {
            report.add_run_failure(error);
            return std::nullopt;
        }
    }

    void fail(const SourceFile& leg, const Error& error) {
        context_.report.add_failure(Shelf::legs, leg.path(), error);
    }

    // The listing of the folder may, or may not, go on to show a name that was restored meanwhile.
    std::optional<SourceFile> select_or_restore(const std::string& path) {
        auto place = place_of(path);
        const auto folder = folders_.find_day(place.day);
        if (!folder)
            return std::nullopt;
        if (context_.options.dry_run)
            return select(*folder, place);
        if (restored_.contains(path))
            return std::nullopt;
        if (auto restored = spool::restore_name(*folder, place.name)) {
            place.name = *std::move(restored);
            restored_.insert(spool::path_below_spool(place.day, place.name));
        }
        return select(*folder, place);
    }

    std::optional<SourceFile> select(const Folder& folder, const Place& place) {
        const auto& name = place.name;
        if (!spool::find_leg(folder, name))
            return std::nullopt;
        if (const auto paths = same_names_.find(name); paths != same_names_.end())
            throw spool::same_name(name, folders_.spool(), paths->second);
        auto& counts = context_.report.counts(Shelf::legs);
        auto leg = open_source(folder, name);
        if (!leg)
            return std::nullopt;
        leg->day = place.day;
        if (is_young(leg->status)) {
            log::note("left {}: younger than {} s", shown(leg->path()), context_.options.min_age.count());
            ++counts.young;
            return std::nullopt;
        }
        if (spool::paused_until(leg->fd.get()) + context_.options.min_age > current_second()) {
            log::note("left {}: its recording is paused", shown(leg->path()));
            ++counts.written;
            return std::nullopt;
        }
        // A recorder goes on in its halves, or pbx-stitch was killed before it had removed them. What they would become
        // without the leg is another file of its name.
        const bool has_halves = halves_ && halves_->has(name);
        if (has_halves || writers_.has_writer(*leg)) {
            log::note("left {}: {}", leg->path(),
                      has_halves ? "pbx-stitch has not removed its halves" : "a process has it open for writing");
            ++counts.written;
            return std::nullopt;
        }
        return leg;
    }

    bool is_young(const struct stat& file) const { return archive::is_young(file, context_.options.min_age); }

    // What is stored under a name that other machines may use too leaves the spool only after a while. Whatever is
    // begun later would stay until the next run, which begins with it again.
    bool has_time_for_shared() {
        constexpr std::chrono::milliseconds needed = upload_window + settling_time + std::chrono::seconds{2};
        return context_.deadline.left() > needed || !nodes_.may_exist();
    }

    std::string path_of(const SourceFile& leg) const { return folders_.spool().path_of(leg.path()); }

    bool is_shared(const std::string& name) const {
        return !context_.options.dry_run && nodes_.is_named() && !nodes_.is_ours(name);
    }

    // The remote is asked while the legs are still read. About shared names it is asked within their window.
    void move(FileBatch& batch) {
        auto names = names_of(batch.files);
        std::erase_if(names, [&](const std::string& name) { return is_shared(name); });
        auto found = find_objects(context_.remote, Shelf::legs, names, context_.deadline);
        auto legs = readable(batch);
        if (context_.options.dry_run)
            return announce(std::move(legs), std::move(found));
        const auto others = std::stable_partition(legs.begin(), legs.end(),
                                                  [&](const SourceFile& leg) { return !is_shared(leg.name); });
        auto shared = take_last(legs, static_cast<std::size_t>(legs.end() - others));
        move_unshared(std::move(legs), std::move(found));
        move_shared(std::move(shared));
    }

    std::vector<SourceFile> readable(FileBatch& batch) {
        const auto errors = batch.reading.get();
        auto legs = std::move(batch.files);
        refuse_same_names(legs);
        std::erase_if(legs, [&](const SourceFile& leg) {
            const auto error = errors.find(leg.name);
            if (error != errors.end())
                fail(leg, error->second);
            return error != errors.end() || has_changed(leg);
        });
        return legs;
    }

    // A leg that has appeared since the folders were listed: one of the two would be uploaded over the other.
    void refuse_same_names(std::vector<SourceFile>& legs) {
        std::map<std::string, spool::Paths> paths;
        for (const auto& leg : legs)
            paths[leg.name].push_back(leg.path());
        std::erase_if(legs, [&](const SourceFile& leg) {
            const auto& same = paths.at(leg.name);
            if (same.size() > 1)
                fail(leg, spool::same_name(leg.name, folders_.spool(), same));
            return same.size() > 1;
        });
    }

    // The batch before this one may have travelled for hours.
    bool has_changed(const SourceFile& leg) {
        struct stat now {};
        if (::fstat(leg.fd.get(), &now) == 0 && is_unchanged(leg.status, now))
            return false;
        log::note("left {}: it changed after it was read", leg.path());
        ++context_.report.counts(Shelf::legs).written;
        return true;
    }

    void announce(std::vector<SourceFile> legs, FoundObjects found) {
        const auto compared = compare_all(std::move(legs), std::move(found));
        const auto announce_one = [&](const SourceFile& leg, const char* more) {
            log::warn("would move {} ({} bytes){}", path_of(leg), leg.size(), more);
            auto& counts = context_.report.counts(Shelf::legs);
            ++counts.would_move;
            counts.bytes += leg.size();
        };
        for (const auto& leg : compared.to_upload)
            announce_one(leg, "");
        for (const auto& leg : compared.verified)
            announce_one(leg, ", which the remote has already");
    }

    RemoteLeg compare(const SourceFile& leg, const RemoteObject& object) const {
        if (is_same(leg, object))
            return RemoteLeg::same;
        const auto earlier = mark_.earlier_copy(leg.fd.get());
        if (earlier && earlier->size == object.size && earlier->md5 == object.md5)
            return RemoteLeg::earlier_part;
        const bool is_beginning =
            object.size < leg.size() &&
            (object.size == 0 || md5_of_file(leg.fd.get(), object.size, path_of(leg)) == object.md5);
        return is_beginning ? RemoteLeg::earlier_part : RemoteLeg::different;
    }

    struct Compared {
        std::vector<SourceFile> to_upload;
        std::vector<SourceFile> verified; ///< the remote has them already
    };

    // A leg under whose name the remote has a different object becomes a failure.
    Compared compare_all(std::vector<SourceFile> legs, FoundObjects found) {
        Compared result;
        const auto objects = take_answer(context_, Shelf::legs, legs, std::move(found));
        for (auto& leg : legs) {
            const auto object = objects.find(leg.name);
            try {
                switch (object == objects.end() ? RemoteLeg::absent : compare(leg, object->second)) {
                case RemoteLeg::earlier_part:
                    log::note("the remote has only an earlier part of {}; all of it is uploaded", leg.path());
                    [[fallthrough]];
                case RemoteLeg::absent:
                    result.to_upload.push_back(std::move(leg));
                    break;
                case RemoteLeg::same:
                    result.verified.push_back(std::move(leg));
                    break;
                case RemoteLeg::different:
                    throw different_leg(context_, folders_.spool(),
                                        "has a different object under its name, which was not overwritten", leg,
                                        object->second);
                }
            } catch (const Error& error) {
                fail(leg, error);
            }
        }
        return result;
    }

    void report_rejected(const RejectedUpload& rejected) {
        if (rejected.error)
            fail(rejected.file, *rejected.error);
        else if (!rejected.object)
            fail(rejected.file, not_shown(context_));
        else
            fail(rejected.file, replaced_leg(context_, folders_.spool(), rejected.file, *rejected.object));
    }

    // A run of rclone stores the files of one folder.
    UploadResult upload_all(std::vector<SourceFile> legs, const Deadline& deadline) {
        UploadResult all;
        while (!legs.empty()) {
            const auto day = legs.back().day;
            const auto same_day =
                std::stable_partition(legs.begin(), legs.end(), [&](const SourceFile& leg) { return leg.day != day; });
            auto part = take_last(legs, static_cast<std::size_t>(legs.end() - same_day));
            upload_from(day, std::move(part), deadline, all);
        }
        return all;
    }

    void upload_from(const spool::Day& day, std::vector<SourceFile> legs, const Deadline& deadline, UploadResult& all) {
        std::shared_ptr<const Folder> folder;
        try {
            folder = folders_.find_day(day);
        } catch (const Error& error) {
            for (const auto& leg : legs)
                fail(leg, error);
        }
        if (!folder)
            return; // moved away, with the legs in it
        auto result = upload(context_, {*folder, Shelf::legs}, std::move(legs), deadline);
        append(all.stored, std::move(result.stored));
        std::move(result.rejected.begin(), result.rejected.end(), std::back_inserter(all.rejected));
        all.timed_out = all.timed_out || result.timed_out;
    }

    void move_unshared(std::vector<SourceFile> legs, FoundObjects found) {
        auto compared = compare_all(std::move(legs), std::move(found));
        const auto deadline = context_.transfer_deadline(total_size(compared.to_upload));
        auto result = upload_all(std::move(compared.to_upload), deadline);
        for (const auto& rejected : result.rejected)
            report_rejected(rejected);
        append(compared.verified, std::move(result.stored));
        release_.add_verified(std::move(compared.verified));
    }

    // Legs under names that other machines may use too: see shared_names.hpp.
    void move_shared(std::vector<SourceFile> legs) {
        if (legs.empty())
            return;
        if (nodes_.unnamed_is_at_work()) {
            for (const auto& leg : legs)
                fail(leg, {Exit::temporary,
                           "its name has no node in it, and a machine without a node name may be storing a leg under "
                           "it at this moment",
                           "the next run continues with it; set node = NAME in pbx.conf on every machine"});
            return;
        }
        while (!legs.empty() && !context_.deadline.passed() && has_time_for_shared()) {
            auto batch = take_last(legs, at_once_);
            const auto tried = batch.size();
            auto late = move_within_window(std::move(batch));
            if (late.empty())
                continue;
            if (tried > 1 || context_.deadline.passed()) {
                at_once_ = std::max<std::size_t>(1, std::min(at_once_, tried) / 4);
                append(legs, std::move(late));
                continue;
            }
            report_too_slow(late.front());
        }
        for (const auto& leg : legs)
            fail(leg, {Exit::temporary,
                       context_.deadline.interrupted()
                           ? "it was not tried, since the run was interrupted"
                           : "it was not tried, since too little time was left (--timeout) to wait for other machines, "
                             "which may store a leg under its name",
                       "the next run continues with it"});
    }

    // Returns the legs that were not stored within the window, by us or by anybody else.
    std::vector<SourceFile> move_within_window(std::vector<SourceFile> legs) {
        const auto window_ends = context_.deadline.at_most(upload_window);
        auto found = find_objects(context_.remote, Shelf::legs, names_of(legs), context_.deadline);
        auto compared = compare_all(std::move(legs), std::move(found));
        auto result = upload_all(std::move(compared.to_upload), window_ends);
        std::vector<SourceFile> late;
        for (auto& rejected : result.rejected) {
            if (!result.timed_out)
                report_rejected(rejected);
            else if (!rejected.object || compare(rejected.file, *rejected.object) == RemoteLeg::earlier_part)
                late.push_back(std::move(rejected.file));
            else
                fail(rejected.file, replaced_leg(context_, folders_.spool(), rejected.file, *rejected.object));
        }
        append(compared.verified, std::move(result.stored));
        release_.add_verified(std::move(compared.verified));
        return late;
    }

    void report_too_slow(const SourceFile& leg) {
        fail(leg, {Exit::temporary,
                   fmt::format("it cannot be uploaded within {} s, and other machines may store a leg under its name, "
                               "which has no node in it",
                               upload_window.count()),
                   "the leg stays here; it can leave over a faster line, or when it is renamed to end with -NODE.wav, "
                   "here and in its CDR rows; pbx-dialplan-gen names new legs in this way"});
    }

    ArchiveContext& context_;
    spool::LegFolders folders_;
    OtherNodes& nodes_;
    spool::ArchivedMark mark_;
    WriterCheck writers_;
    LegRelease release_;
    std::optional<spool::HalvesFolder> halves_; ///< nothing where pbx-stitch weaves nothing
    std::set<std::string> restored_;            ///< paths of legs that a killed run had hidden
    std::vector<spool::Day> days_;              ///< in whose folders legs are looked for
    spool::SameNames same_names_;
    std::size_t at_once_ = shared_names_at_once;
};

} // namespace

void move_legs(ArchiveContext& context, const Folder& spool, OtherNodes& nodes) {
    LegMoves{context, spool, nodes}.run();
}

} // namespace pbx::archive

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
#include "spool/archived_mark.hpp"
#include "spool/leg_file.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

namespace pbx::archive {

namespace {

using std::chrono::sys_seconds;

// Uploads under shared names that begin at once; fewer after a batch that did not end in time.
constexpr std::size_t shared_names_at_once = 64;

enum class RemoteLeg { absent, same, earlier_part, different };

class LegMoves {
  public:
    LegMoves(ArchiveContext& context, const Folder& spool, OtherNodes& nodes)
        : context_{context}, source_{spool, Shelf::legs}, nodes_{nodes}, mark_{context.options.places.remote + " legs"},
          release_{context, spool, nodes, writers_, mark_} {}

    void run() {
        Progress progress{"looking at legs", "files"};
        const auto find_due = [&](const std::string& name) {
            auto found = spool::find_leg(source_.folder, name);
            return found && S_ISREG(found->st_mode) && !is_young(*found) ? found : std::nullopt;
        };
        process_in_batches(context_, source_, progress,
                           {find_due, [&](const std::string& name) { return select(name); },
                            [&](FileBatch& batch) { move(batch); },
                            [&](std::vector<SourceFile>& legs) { return take_facts(source_.folder, legs); }});
        release_.finish();
    }

  private:
    void fail(const SourceFile& leg, const Error& error) { context_.report.add_failure(Shelf::legs, leg.name, error); }

    std::optional<SourceFile> select(const std::string& name) {
        if (!spool::find_leg(source_.folder, name))
            return std::nullopt;
        auto& counts = context_.report.counts(Shelf::legs);
        auto leg = open_source(source_.folder, name);
        if (!leg)
            return std::nullopt;
        if (is_young(leg->status)) {
            log::note("left {}: younger than {} s", shown(name), context_.options.min_age.count());
            ++counts.young;
            return std::nullopt;
        }
        if (writers_.has_writer(*leg)) {
            log::note("left {}: a process has it open for writing", name);
            ++counts.written;
            return std::nullopt;
        }
        return leg;
    }

    bool is_young(const struct stat& file) const {
        const auto now = current_second();
        const sys_seconds modified{std::chrono::seconds{file.st_mtim.tv_sec}};
        const sys_seconds changed{std::chrono::seconds{file.st_ctim.tv_sec}};
        // A modification time in the future proves nothing; nobody can set the time of change.
        return now - (modified > now ? changed : modified) < context_.options.min_age;
    }

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
        std::erase_if(legs, [&](const SourceFile& leg) {
            const auto error = errors.find(leg.name);
            if (error != errors.end())
                fail(leg, error->second);
            return error != errors.end() || has_changed(leg);
        });
        return legs;
    }

    // The batch before this one may have travelled for hours.
    bool has_changed(const SourceFile& leg) {
        struct stat now {};
        if (::fstat(leg.fd.get(), &now) == 0 && is_unchanged(leg.status, now))
            return false;
        log::note("left {}: it changed after it was read", leg.name);
        ++context_.report.counts(Shelf::legs).written;
        return true;
    }

    void announce(std::vector<SourceFile> legs, FoundObjects found) {
        const auto compared = compare_all(std::move(legs), std::move(found));
        const auto announce_one = [&](const SourceFile& leg, const char* more) {
            log::warn("would move {} ({} bytes){}", source_.folder.path_of(leg.name), leg.size(), more);
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
        const bool is_beginning = object.size < leg.size() &&
                                  (object.size == 0 || md5_of_file(leg.fd.get(), object.size,
                                                                   source_.folder.path_of(leg.name)) == object.md5);
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
                    log::note("the remote has only an earlier part of {}; all of it is uploaded", leg.name);
                    [[fallthrough]];
                case RemoteLeg::absent:
                    result.to_upload.push_back(std::move(leg));
                    break;
                case RemoteLeg::same:
                    result.verified.push_back(std::move(leg));
                    break;
                case RemoteLeg::different:
                    throw different_leg(context_, source_.folder,
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
            fail(rejected.file, replaced_leg(context_, source_.folder, rejected.file, *rejected.object));
    }

    void move_unshared(std::vector<SourceFile> legs, FoundObjects found) {
        auto compared = compare_all(std::move(legs), std::move(found));
        const auto deadline = context_.transfer_deadline(total_size(compared.to_upload));
        auto result = upload(context_, source_, std::move(compared.to_upload), deadline);
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
        while (!legs.empty() && !context_.deadline.passed()) {
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
                       context_.deadline.interrupted() ? "it was not tried, since the run was interrupted"
                                                       : "it was not tried, since the time was up (--timeout)",
                       "the next run continues with it"});
    }

    // Returns the legs that were not stored within the window, by us or by anybody else.
    std::vector<SourceFile> move_within_window(std::vector<SourceFile> legs) {
        const auto window_ends = context_.deadline.at_most(upload_window);
        auto found = find_objects(context_.remote, Shelf::legs, names_of(legs), context_.deadline);
        auto compared = compare_all(std::move(legs), std::move(found));
        auto result = upload(context_, source_, std::move(compared.to_upload), window_ends);
        std::vector<SourceFile> late;
        for (auto& rejected : result.rejected) {
            if (!result.timed_out)
                report_rejected(rejected);
            else if (!rejected.object || compare(rejected.file, *rejected.object) == RemoteLeg::earlier_part)
                late.push_back(std::move(rejected.file));
            else
                fail(rejected.file, replaced_leg(context_, source_.folder, rejected.file, *rejected.object));
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
    ShelfFolder source_;
    OtherNodes& nodes_;
    spool::ArchivedMark mark_;
    WriterCheck writers_;
    LegRelease release_;
    std::size_t at_once_ = shared_names_at_once;
};

} // namespace

void move_legs(ArchiveContext& context, const Folder& spool, OtherNodes& nodes) {
    LegMoves{context, spool, nodes}.run();
}

} // namespace pbx::archive

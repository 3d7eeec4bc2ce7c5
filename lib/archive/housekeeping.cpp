// The remote is asked about each file again: it may have lost what it once had.
#include "archive/housekeeping.hpp"

#include "archive/batches.hpp"
#include "archive/source_file.hpp"
#include "archive/uploads.hpp"
#include "base/hash.hpp"
#include "base/log.hpp"
#include "cdr/needed_legs.hpp"
#include "db/session.hpp"
#include "recording/eviction.hpp"
#include "recording/spool_space.hpp"
#include "recording/stitch.hpp"
#include "spool/leg_file.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace pbx::archive {

namespace {

constexpr std::chrono::seconds patience{60}; // for one batch of names

// Nothing when it was never created.
std::optional<Folder> open_if_there(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
        return std::nullopt;
    return Folder::open(path);
}

// Legs that were brought back for calls which nobody will stitch again.
class CachedLegs {
  public:
    CachedLegs(ArchiveContext& context, const Folder& cache) : context_{context}, source_{cache, Shelf::legs} {}

    void trim() {
        Progress progress{"looking at fetched legs", "files"};
        const auto find = [&](const std::string& name) { return spool::find_leg(source_.folder, name); };
        process_in_batches(
            context_, source_.shelf, progress,
            {names_in(source_.folder), find,
             [&](const std::string& name) { return find(name) ? open_source(source_.folder, name) : std::nullopt; },
             [&](FileBatch& batch) { trim(std::move(batch.files)); }});
    }

  private:
    // Those that no recent call needs; none while the database does not answer.
    std::vector<SourceFile> find_unneeded(std::vector<SourceFile> legs) {
        try {
            if (!session_) {
                session_.emplace();
                db::connect(*session_, context_.options.database, patience);
            }
            const recording::StitchOptions hourly;
            const auto needed = cdr::find_needed_legs(*session_, names_of(legs), hourly.since);
            std::erase_if(legs, [&](const SourceFile& leg) { return needed.contains(leg.name); });
            return legs;
        } catch (const Error& error) {
            log::note("fetched legs stay in {}: {}", source_.folder.path().native(), error.what());
            return {};
        }
    }

    void trim(std::vector<SourceFile> legs) {
        legs = find_unneeded(std::move(legs));
        const auto objects = ask_remote(context_, Shelf::legs, legs);
        for (auto& leg : legs) {
            const auto object = objects.find(leg.name);
            if (object == objects.end()) {
                log::note("left {}: the remote does not have it", source_.folder.path_of(leg.name));
                continue;
            }
            const auto md5 = md5_of_file(leg.fd.get(), leg.size(), source_.folder.path_of(leg.name));
            if (md5 == object->second.md5)
                remove(leg);
            else
                log::note("left {}: the remote has a different object of this name", source_.folder.path_of(leg.name));
        }
    }

    void remove(const SourceFile& leg) {
        if (context_.options.dry_run) {
            log::warn("would remove {}, which the remote has", source_.folder.path_of(leg.name));
            return;
        }
        source_.folder.remove(leg.name);
        context_.report.add_removed_copy(leg.name, leg.size());
    }

    ArchiveContext& context_;
    ShelfFolder source_;
    std::optional<soci::session> session_;
};

recording::EvictionGoal goal_of(const recording::SpaceRules& rules, const Folder& stitched) {
    recording::EvictionGoal goal;
    if (rules.keep_time)
        goal.older_than = std::chrono::system_clock::now() - *rules.keep_time;
    if (rules.keep_bytes) {
        const auto size = recording::size_of_recordings(stitched);
        goal.bytes = size - std::min(size, *rules.keep_bytes);
    }
    return goal;
}

void trim_stitched(ArchiveContext& context, const Folder& spool, const Folder& stitched) {
    const recording::SpoolSpace space{spool, context.options.places.space};
    auto goal = goal_of(space.rules(), stitched);
    if (space.holds(stitched))
        goal.bytes = std::max(goal.bytes, space.missing());
    if (goal.bytes == 0 && goal.older_than == recording::FileTime{})
        return;
    const auto add = [&](const std::string& name, std::uint64_t bytes) {
        if (context.options.dry_run)
            log::warn("would remove {}, which the remote has", stitched.path_of(name));
        else
            context.report.add_removed_copy(name, bytes);
    };
    const recording::Eviction eviction{stitched, context.remote, context.options.places.remote};
    const auto fail = [&](const std::string& name, const Error& error) {
        context.report.add_failure(Shelf::stitched, name, error);
    };
    const auto freed = eviction.run(goal, {add, fail, context.options.dry_run}, context.deadline);
    if (freed < goal.bytes && space.missing() > 0 && !context.options.dry_run)
        log::warn(
            "the disk of {} is {} bytes short of the reserve, and the archive has none of the stitched recordings "
            "that are left on it",
            spool.path().native(), space.missing());
}

} // namespace

void make_room(ArchiveContext& context, const Folder& spool) {
    if (const auto cache = open_if_there(context.options.places.stitch_src))
        CachedLegs{context, *cache}.trim();
    const auto stitched = open_if_there(context.options.places.stitched);
    if (!stitched)
        return;
    trim_stitched(context, spool, *stitched);
}

} // namespace pbx::archive

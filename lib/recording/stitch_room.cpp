// A recording takes as much space as its legs do.
#include "recording/stitch_room.hpp"

#include "base/log.hpp"
#include "recording/eviction.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <iterator>

namespace pbx::recording {

namespace {

// CDR rows can claim any length, and what is assumed here decides how many recordings leave this disk.
std::uint64_t assumed_size(const cdr::Call& call) {
    using std::chrono::seconds;
    constexpr std::uint64_t bytes_per_second = 16'000; // 8,000 frames
    constexpr seconds longest = std::chrono::hours{1};
    const auto length = std::clamp(std::chrono::duration_cast<seconds>(call.ended - call.started), seconds{0}, longest);
    return bytes_per_second * static_cast<std::uint64_t>(length.count());
}

// The cache, or the folder that it will be created in.
bool holds_cache(const SpoolSpace& space, const std::filesystem::path& cache) {
    try {
        std::error_code ignored;
        return space.holds(Folder::open(std::filesystem::exists(cache, ignored) ? cache : cache.parent_path()));
    } catch (const Error&) {
        return true;
    }
}

} // namespace

StitchRoom::StitchRoom(const Places& places, const Folder& stitched, LegSources& sources)
    : places_{places}, stitched_{stitched}, sources_{sources}, space_{sources.local().spool(), places.space},
      holds_stitched_{space_.holds(stitched)}, holds_cache_{holds_cache(space_, places.stitch_src)} {}

// Bytes on the spool's file system.
std::uint64_t StitchRoom::size_to_build(const ResolvedCall& call, const KnownContents& archived) const {
    std::uint64_t bytes = 0;
    for (const auto& leg : call.legs) {
        if (leg.place == LocatedLeg::Place::refused)
            continue;
        const bool is_here = leg.place == LocatedLeg::Place::spool;
        const auto known = archived.find(leg.name);
        const auto archived_size = known == archived.end() ? assumed_size(call.call) : known->second.size;
        const auto size = is_here ? leg.size : archived_size;
        const bool is_fetched = !is_here && !sources_.local().has(leg.name);
        bytes += (holds_stitched_ ? size : 0) + (holds_cache_ && is_fetched ? size : 0);
    }
    return bytes;
}

void StitchRoom::make_room(std::uint64_t bytes, const Deadline& deadline) {
    can_make_room_ = false;
    if (sources_.archive() == nullptr || !holds_stitched_)
        return;
    const auto note = [](const std::string& name, std::uint64_t size) {
        log::note("removed {} ({} bytes), which the archive has, to make room", name, size);
    };
    const auto fault = [](const std::string& name, const Error& error) {
        log::note("{} stays: {}", name, error.what());
    };
    try {
        const Eviction eviction{stitched_, *sources_.archive(), places_.remote};
        can_make_room_ = eviction.run({{}, bytes}, {note, fault}, deadline) >= bytes;
    } catch (const Error& error) {
        log::note("cannot make room: {}", error.what());
    }
}

std::vector<StitchTask> StitchRoom::take_fitting(std::vector<StitchTask>& tasks, const KnownContents& archived,
                                                 const Deadline& deadline) {
    const auto most = space_.most_available();
    std::uint64_t needed = 0;
    for (const auto& task : tasks)
        if (const auto size = size_to_build(task.call, archived); size <= most)
            needed += size;
    if (const auto free = space_.available(); free < needed && can_make_room_)
        make_room(needed - free + space_.missing(), deadline);
    auto left = space_.available();
    const auto end = std::stable_partition(tasks.begin(), tasks.end(), [&](const StitchTask& task) {
        const auto size = size_to_build(task.call, archived);
        const bool fits = size <= left;
        left -= fits ? size : 0;
        return fits;
    });
    std::vector<StitchTask> fitting{std::make_move_iterator(tasks.begin()), std::make_move_iterator(end)};
    tasks.erase(tasks.begin(), end);
    return fitting;
}

Error StitchRoom::no_room() const {
    return {Exit::cant_create,
            "no room in " + stitched_.path().native() + ": the remaining space is reserved for Asterisk",
            "run pbx-archive, so that old recordings can leave this disk; or lower reserve in pbx.conf"};
}

} // namespace pbx::recording

// A recording takes as much space as its legs do; a leg that is fetched back takes it twice.
#include "recording/stitch_room.hpp"

#include "base/log.hpp"
#include "recording/eviction.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace pbx::recording {

namespace {

// A leg in the archive is not longer than its call; most calls have 8,000 frames of 2 bytes per second.
std::uint64_t size_to_build(const ResolvedCall& call) {
    constexpr std::uint64_t bytes_per_second = 16'000;
    constexpr std::uint64_t header = 4096;
    const auto length = std::chrono::duration_cast<std::chrono::seconds>(call.call.ended - call.call.started);
    const auto fetched = 2 * bytes_per_second * static_cast<std::uint64_t>(std::max<std::int64_t>(length.count(), 0));
    std::uint64_t bytes = header;
    for (const auto& leg : call.legs)
        bytes += leg.place == LocatedLeg::Place::spool ? leg.size : fetched;
    return bytes;
}

} // namespace

std::uint64_t StitchRoom::available() const {
    return space_.available(stitched_);
}

void StitchRoom::make_room(std::uint64_t bytes, const Deadline& deadline) {
    can_make_room_ = false;
    if (sources_.archive() == nullptr || !space_.holds(stitched_))
        return;
    const auto note = [](const std::string& name, std::uint64_t size) {
        log::note("removed {} ({} bytes), which the archive has, to make room", name, size);
    };
    try {
        const Eviction eviction{stitched_, *sources_.archive(), places_.remote};
        can_make_room_ = eviction.run({{}, bytes}, {note}, deadline) >= bytes;
    } catch (const Error& error) {
        log::note("no room can be made: {}", error.what());
    }
}

std::vector<StitchTask> StitchRoom::take_fitting(std::vector<StitchTask>& tasks, const Deadline& deadline) {
    std::uint64_t needed = 0;
    for (const auto& task : tasks)
        needed += size_to_build(task.call);
    if (const auto free = available(); free < needed && can_make_room_)
        make_room(needed - free + space_.missing(), deadline);
    auto left = available();
    const auto end = std::find_if(tasks.begin(), tasks.end(), [&](const StitchTask& task) {
        const auto size = size_to_build(task.call);
        if (size > left)
            return true;
        left -= size;
        return false;
    });
    std::vector<StitchTask> fitting{std::make_move_iterator(tasks.begin()), std::make_move_iterator(end)};
    tasks.erase(tasks.begin(), end);
    return fitting;
}

Error StitchRoom::no_room() const {
    return {Exit::cant_create,
            "there is no room for more recordings in " + stitched_.path().native() +
                " without the space that is reserved for the recorders",
            "run pbx-archive, so that old recordings can leave this disk; or lower reserve in pbx.conf"};
}

} // namespace pbx::recording

#include "collect/ahead.hpp"

#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/parallel.hpp"
#include "recording/damage.hpp"
#include "remote/transfer.hpp"

#include <unistd.h>

#include <filesystem>

namespace pbx::collect {

namespace {

using recording::Freshness;
using recording::ResolvedCall;

bool belongs_to_another(const Folder& folder) {
    return ::geteuid() == 0 && folder.owner().st_uid != 0;
}

} // namespace

Ahead::Ahead(const Needs& needs) : needs_{needs}, is_movable_{!belongs_to_another(needs.folder)} {}

void Ahead::fetch(const std::vector<cdr::Call>& calls) {
    for (const auto& call : calls)
        look_here(call);
    try {
        // Also for legs in the cache where no archive is configured; the first answer ends the connection.
        needs_.facts.prepare_archive();
        if (needs_.sources.archive() == nullptr)
            return;
        std::vector<std::string> recordings;
        for (const auto& each : calls_)
            if (!each.here.current)
                recordings.push_back(each.call.recording);
        fetch_shelf(Shelf::stitched, objects_.recordings, recordings_, recordings, needs_.facts.of_recordings());
        compare_with_manifests();
        fetch_shelf(Shelf::legs, objects_.legs, legs_, single_legs_, needs_.facts.of_legs());
        ask_for_missing();
        bring_back_legs();
    } catch (const Error& error) {
        log::note("nothing is fetched ahead: {}", error.what());
    }
}

void Ahead::look_here(const cdr::Call& call) {
    const auto& local = needs_.sources.local();
    try {
        if (call.legs.size() == 1) {
            const auto& leg = call.legs.front();
            needs_.facts.expect({}, call.legs);
            if (recording::can_be_archived(leg) && !local.has(leg, local.days_of(call, leg)))
                single_legs_.push_back(leg);
            return;
        }
        auto resolved = resolve_call(call, local);
        needs_.facts.expect(resolved.recording, call.legs);
        std::error_code ignored;
        auto here = std::filesystem::exists(needs_.stitched, ignored)
                        ? check_file(resolved, local, Folder::open(needs_.stitched), needs_.overlap)
                        : Freshness{};
        calls_.push_back({std::move(resolved), std::move(here)});
    } catch (const Error& error) {
        log::note("{}: {}", recording::display_name(call), error.what());
    }
}

void Ahead::fetch_shelf(Shelf shelf, recording::ShelfAhead& ahead, std::optional<PrivateFolder>& folder,
                        const std::vector<std::string>& names, const KnownContents& expected) {
    if (names.empty())
        return;
    if (is_movable_)
        folder.emplace(needs_.folder, shelf == Shelf::legs ? ".legs-arriving" : ".recordings-arriving");
    else
        folder.emplace(Folder::open(temporary_folder()), "pbx-recording-fetch.", ::geteuid());
    ahead.folder = &folder->folder();
    ahead.asked = {names.begin(), names.end()};
    try {
        ahead.fetched =
            fetch_known_objects(*needs_.sources.archive(), shelf, names, *ahead.folder, needs_.deadline, expected);
    } catch (const Error& error) {
        for (const auto& name : names)
            ahead.fetched.failures.insert_or_assign(name, error);
    }
}

// On several cores, since all of the audio is read.
void Ahead::compare_with_manifests() {
    const auto& ahead = objects_.recordings;
    const std::vector<std::string> names{ahead.fetched.present.begin(), ahead.fetched.present.end()};
    std::vector<std::string> faults(names.size());
    parallel_for(names.size(), needs_.jobs, [&](std::size_t i) {
        try {
            if (const auto file = ahead.folder->find(names[i]))
                faults[i] = recording::find_damage_in_file(file->get(), names[i]);
        } catch (const Error& error) {
            faults[i] = error.what();
        }
    });
    for (std::size_t i = 0; i < names.size(); ++i)
        if (!faults[i].empty())
            objects_.recordings.faults.emplace(names[i], faults[i]);
}

Freshness Ahead::find_arrived(const ResolvedCall& call) const {
    if (!objects_.recordings.fetched.present.contains(call.recording))
        return {};
    return check_file(call, needs_.sources.local(), *objects_.recordings.folder, needs_.overlap);
}

// Of all recordings that may be served, the legs that they list as missing.
void Ahead::ask_for_missing() {
    std::vector<std::string> missing;
    for (const auto& each : calls_)
        for (const auto& recording : {each.here, find_arrived(each.call)})
            missing.insert(missing.end(), recording.manifest.missing.begin(), recording.manifest.missing.end());
    needs_.sources.find_archived_ahead(missing, needs_.deadline);
}

bool Ahead::is_enough(const Freshness& recording) const {
    return recording.current && needs_.sources.find_archived(recording.manifest.missing, needs_.deadline).empty();
}

// Of the calls whose recording must be built.
void Ahead::bring_back_legs() {
    const auto& expected = needs_.facts.of_legs();
    std::vector<std::string> names;
    for (auto& each : calls_) {
        if (is_enough(each.here) || is_enough(find_arrived(each.call)))
            continue;
        needs_.sources.find_in_caches(each.call.legs, expected);
        for (auto& name : names_elsewhere(each.call.legs))
            names.push_back(std::move(name));
    }
    needs_.sources.bring_back_ahead(names, expected, needs_.deadline);
}

const Folder* Ahead::find_movable(Shelf shelf, const std::string& name) const {
    const auto& ahead = shelf == Shelf::legs ? objects_.legs : objects_.recordings;
    return is_movable_ && ahead.fetched.present.contains(name) ? ahead.folder : nullptr;
}

} // namespace pbx::collect

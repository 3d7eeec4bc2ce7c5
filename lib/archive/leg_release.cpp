// Journals first, then the leg, under a lease.
#include "archive/leg_release.hpp"

#include "archive/batches.hpp"
#include "archive/shared_names.hpp"
#include "archive/uploads.hpp"
#include "base/file_status.hpp"
#include "base/log.hpp"
#include "base/moment.hpp"
#include "spool/moved_journal.hpp"
#include "spool/removal.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <set>
#include <thread>
#include <utility>

namespace pbx::archive {

Error different_leg(const ArchiveContext& context, const Folder& spool, const std::string& what, const SourceFile& leg,
                    const RemoteObject& object) {
    return {
        Exit::cant_create,
        fmt::format("remote {} {}: {}; here {}", context.remote.display_path(), what,
                    describe({object.size, object.md5, {}}), describe({leg.size(), leg.md5(), {}})),
        fmt::format("either may be the only copy of its leg, so keep both: compare them, and the CDR rows that have "
                    "this recordingfile; leg names of two machines differ where each has its own node = NAME in "
                    "pbx.conf; this one stays in {}",
                    std::filesystem::path{spool.path_of(leg.path())}.parent_path().native())};
}

Error replaced_leg(const ArchiveContext& context, const Folder& spool, const SourceFile& leg,
                   const RemoteObject& object) {
    return different_leg(context, spool,
                         "does not have what was uploaded: another writer has stored a different leg under this name",
                         leg, object);
}

void LegRelease::fail(const SourceFile& leg, const Error& error) {
    context_.report.add_failure(Shelf::legs, leg.path(), error);
}

void LegRelease::add_verified(std::vector<SourceFile> legs) {
    const auto is_ours = [&](const SourceFile& leg) { return nodes_.is_ours(leg.name); };
    // Asked after the upload: a machine that registers later has not asked the remote yet.
    if (std::all_of(legs.begin(), legs.end(), is_ours) || !nodes_.may_exist())
        return remove(std::move(legs));
    const auto shared = std::stable_partition(legs.begin(), legs.end(), is_ours);
    for (auto leg = shared; leg != legs.end(); ++leg) {
        leg->fd.reset(); // more of them may wait than a process can have open
        settling_.push_back(std::move(*leg));
    }
    legs.erase(shared, legs.end());
    settled_ = Deadline::after(settling_time);
    remove(std::move(legs));
    constexpr std::size_t most = 20'000;
    if (settling_.size() >= most)
        finish();
}

void LegRelease::finish() {
    auto legs = std::exchange(settling_, {});
    if (legs.empty())
        return;
    bool in_time = settled_.left() < context_.deadline.left();
    if (in_time) {
        log::note("waiting {} s: another machine may be storing legs under the names of {} legs",
                  settled_.left().count() / 1000, legs.size());
        show_action("waiting, since other machines may use the same names for", Shelf::legs);
        while (!settled_.passed() && !context_.deadline.interrupted())
            interrupt::sleep(settled_.left());
        in_time = settled_.passed();
    }
    while (!legs.empty()) {
        auto batch = take_last(legs, batch_size);
        if (in_time) {
            remove(ask_again(std::move(batch)));
            continue;
        }
        for (const auto& leg : batch)
            fail(leg, {Exit::temporary,
                       "it is in the archive, but another machine may be storing a leg under its name, and no time is "
                       "left to wait for that (--timeout)",
                       "the next run continues with it"});
    }
    context_.report.print_failures(Shelf::legs);
}

// Those of `legs` that the remote still has, opened again.
std::vector<SourceFile> LegRelease::ask_again(std::vector<SourceFile> legs) {
    const auto objects = ask_remote(context_, Shelf::legs, legs);
    std::erase_if(legs, [&](SourceFile& leg) {
        try {
            const auto object = objects.find(leg.name);
            if (object == objects.end())
                throw Error{Exit::unavailable, "remote " + context_.remote.display_path() + " no longer shows it",
                            "the leg stays here, and the next run stores it again"};
            if (!is_same(leg, object->second))
                throw replaced_leg(context_, folders_.spool(), leg, object->second);
            const auto folder = folders_.find_day(leg.day);
            auto fd = folder ? folder->find(leg.name) : std::nullopt;
            if (!fd)
                return true; // gone meanwhile
            leg.fd = *std::move(fd);
            return false;
        } catch (const Error& error) {
            fail(leg, error);
            return true;
        }
    });
    return legs;
}

// Writes the legs into the journal. A full disk has no room for it, and nothing but the removal of a leg makes room:
// then the leg at `next` goes without, and `next` is the one after it. Throws Error.
void LegRelease::record(const std::vector<SourceFile>& legs, std::vector<SourceFile>::iterator& next) {
    const auto names = names_of(legs);
    const auto write_journal = [&] { return spool::record_moved_legs(folders_.spool(), names, current_second()); };
    const auto disk_full = write_journal();
    if (!disk_full)
        return;
    log::note("{}; trying again after {} is removed", disk_full->what(), next->path());
    remove_or_report(*next++);
    if (const auto still_full = write_journal())
        throw Error{*still_full};
}

void LegRelease::remove(std::vector<SourceFile> legs) {
    if (legs.empty())
        return;
    auto next = legs.begin();
    try {
        context_.remote.sync(context_.deadline);
        context_.facts.record(Shelf::legs, legs);
        record(legs, next);
    } catch (const Error& error) {
        for (; next != legs.end(); ++next)
            fail(*next, error);
    }
    for (; next != legs.end(); ++next)
        remove_or_report(*next);
    sync_folders(legs);
}

// Each is tried: one that was replaced since, or fails, is no reason to leave the others.
void LegRelease::sync_folders(const std::vector<SourceFile>& legs) {
    std::set<spool::Day> days;
    for (const auto& leg : legs)
        days.insert(leg.day);
    for (const auto& day : days) {
        try {
            if (const auto folder = folders_.find_day(day))
                folder->sync();
        } catch (const Error& error) {
            context_.report.add_run_failure(error);
        }
    }
}

void LegRelease::remove_or_report(SourceFile& leg) {
    try {
        remove_if_unchanged(leg);
        leg.fd.reset(); // frees the room that it took
    } catch (const Error& error) {
        fail(leg, error);
    }
}

void LegRelease::remove_if_unchanged(const SourceFile& leg) {
    const ReadLease lease{leg.fd.get()};
    const auto folder = folders_.find_day(leg.day);
    const auto named = folder ? folder->look(leg.name) : std::nullopt;
    if (!named)
        return;
    if (writers_.has_writer(leg, lease) || !is_unchanged(leg.status, *named) ||
        !spool::remove_unless_opened(*folder, {{leg.name, &lease}})) {
        log::note("left {}: it changed while it was archived", leg.path());
        ++context_.report.counts(Shelf::legs).written;
        mark_.set(leg.fd.get(), leg.status, leg.md5());
        return;
    }
    context_.report.add_moved(leg.path(), leg.size());
}

} // namespace pbx::archive

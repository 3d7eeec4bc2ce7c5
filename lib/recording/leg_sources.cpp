// Both tools bring back legs the same way, in few rclone runs however many there are.
#include "recording/leg_sources.hpp"

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/log.hpp"
#include "base/name.hpp"
#include "base/printable.hpp"
#include "db/archives.hpp"
#include "recording/spool_space.hpp"
#include "remote/query.hpp"
#include "spool/leg_folders.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

namespace pbx::recording {

namespace {

bool cannot_write(const Error& error) {
    return error.status() == Exit::cant_create || error.status() == Exit::no_permission;
}

} // namespace

LegSources::LegSources(const Places& places, WithoutCache without_cache, int lock)
    : cache_path_{places.stitch_src}, without_cache_{without_cache}, space_{places.space},
      local_{Folder::open(places.spool), places.layout}, mark_{spool::mark_of_legs(places.remote)} {
    std::error_code ignored;
    if (std::filesystem::exists(cache_path_, ignored))
        use_cache(Folder::open(cache_path_));
    if (!places.remote.empty())
        archive_.emplace(places.remote, places.rclone, lock, places.transfers);
}

void LegSources::use_cache(const Folder& folder) {
    if (used_.insert(folder.path().native()).second)
        local_.add_cache(Folder::open(folder.path()));
}

std::optional<spool::HalvesFolder> LegSources::find_halves_folder() const {
    try {
        return spool::HalvesFolder::find(local_.spool());
    } catch (const Error& error) {
        log::warn("{}", error.what());
        return std::nullopt;
    }
}

Exit LegSources::weave_halves(const std::vector<std::string>& legs) {
    auto status = Exit::ok;
    const auto halves = find_halves_folder();
    if (!halves)
        return status;
    for (const auto& leg : legs) {
        if (!halves->has(leg))
            continue;
        try {
            if (!has_room_for(*halves, leg))
                throw Error{Exit::cant_create, "the remaining space is reserved for Asterisk"};
            status = worst(status, weave_leg_into(local_.spool(), *halves, leg));
        } catch (const Error& error) {
            const bool is_unreadable = error.status() == Exit::data;
            if (is_unreadable)
                unreadable_.emplace(leg, error);
            // The leg as it is, or the call's other legs, can be served.
            if (error.status() != Exit::temporary && (local_.has(leg) || (is_unreadable && legs.size() > 1))) {
                log::warn("leg {}: {}", shown(leg), error.what());
                status = worst(status, Exit::data);
                continue;
            }
            if (without_cache_ == WithoutCache::fail || !cannot_write(error))
                throw;
            log::note("leg {} is not kept: {}", shown(leg), error.what());
            status = worst(status, weave_leg_into(private_folder(), *halves, leg));
            use_cache(private_folder());
        }
    }
    return status;
}

bool LegSources::has_room_for(const spool::HalvesFolder& halves, const std::string& leg) const {
    std::uint64_t bytes = 0;
    for (const auto& [side, half] : halves.find_halves(leg))
        bytes += static_cast<std::uint64_t>(half.status.st_size);
    return bytes <= SpoolSpace{local_.spool(), space_}.available();
}

std::optional<WovenLeg> LegSources::weave_now(const Folder& folder, const spool::HalvesFolder& halves,
                                              const std::string& leg) {
    try {
        return weave_leg(halves, folder, leg);
    } catch (const WeaveLater& later) {
        throw Error{Exit::temporary, fmt::format("leg {}: {}", shown(leg), later.reason),
                    "try again when the call has ended, or the pause in its recording"};
    }
}

// The halves of a leg that is not in the spool stay.
Exit LegSources::weave_leg_into(const Folder& folder, const spool::HalvesFolder& halves, const std::string& leg) const {
    auto woven = weave_now(folder, halves, leg);
    if (!woven)
        return Exit::ok;
    for (const auto& remark : woven->remarks)
        log::warn("leg {}: {}", shown(leg), remark);
    if (woven->file)
        woven->file->commit();
    if (&folder != &local_.spool())
        return woven->status;
    try {
        remove_halves(halves, *woven);
    } catch (const Error& error) {
        log::note("the next pbx-stitch removes the halves of leg {}: {}", shown(leg), error.what());
    }
    return woven->status;
}

void LegSources::recognize_archive(soci::session& session, const Deadline& deadline) {
    if (!archive_)
        return;
    try {
        archive_->accept_only(db::accepted_archives(session, archive_->display_path(), deadline));
    } catch (const Error& error) {
        if (error.status() != Exit::config)
            throw;
        log::note("the database remembers no archive: {}", error.what());
    }
}

std::set<std::string> LegSources::find_archived(const std::vector<std::string>& names, const Deadline& deadline) {
    std::set<std::string> found;
    std::vector<std::string> open;
    for (const auto& name : names) {
        const auto known = known_archived_.find(name);
        if (known == known_archived_.end())
            open.push_back(name);
        else if (known->second)
            found.insert(name);
    }
    found.merge(ask_archive(open, deadline));
    return found;
}

void LegSources::find_archived_ahead(const std::vector<std::string>& names, const Deadline& deadline) {
    const auto found = ask_archive(names, deadline);
    for (const auto& name : names)
        known_archived_[name] = found.contains(name);
}

std::set<std::string> LegSources::ask_archive(const std::vector<std::string>& names, const Deadline& deadline) {
    std::vector<std::string> wanted;
    std::copy_if(names.begin(), names.end(), std::back_inserter(wanted), can_be_archived);
    std::set<std::string> found;
    if (!archive_ || wanted.empty())
        return found;
    try {
        const auto answer = find_objects(*archive_, Shelf::legs, std::move(wanted), deadline);
        for (const auto& [name, object] : answer.objects)
            found.insert(name);
        for (const auto& [name, error] : answer.failures)
            log::note("cannot ask the archive for missing leg {}: {}", name, error.what());
    } catch (const Error& error) {
        log::note("cannot ask the archive for missing legs: {}", error.what());
    }
    return found;
}

void LegSources::find_in_caches(std::vector<LocatedLeg>& legs, const KnownContents& expected) {
    local_.find_in_caches(legs);
    for (auto& leg : legs) {
        const auto known = expected.find(leg.name);
        if (leg.place != LocatedLeg::Place::cache || known == expected.end() || compared_.contains(leg.name))
            continue;
        if (const auto fault = find_fault(leg, known->second); fault.empty()) {
            compared_.insert(leg.name);
        } else {
            log::warn("{}, and is fetched again", fault);
            local_.ignore_in_cache(leg);
        }
    }
}

std::string LegSources::find_fault(const LocatedLeg& leg, const Content& expected) {
    const auto path = leg.folder->path_of(leg.name);
    try {
        const auto file = LocalLegs::open(leg);
        const auto found = file ? content_of_file(file->get(), path) : Content{};
        return expected.matches(found) ? std::string{} : path + " is damaged: " + describe_difference(expected, found);
    } catch (const Error& error) {
        return std::string{error.what()} + ": it cannot be used";
    }
}

std::map<std::string, Error> LegSources::set_aside_others(std::vector<LocatedLeg>& legs,
                                                          const KnownContents& archived) const {
    std::map<std::string, Error> others;
    for (auto& leg : legs) {
        const auto known = archived.find(leg.name);
        const bool is_sought = leg.place == LocatedLeg::Place::spool && !leg.is_of_named_day;
        if (!is_sought || known == archived.end() || !is_other(leg, known->second))
            continue;
        const auto path = leg.folder->path_of(spool::path_below_spool(leg.day, leg.name));
        others.emplace(leg.name, Error{Exit::data,
                                       printable(path) + " is another recording than the one that was archived under "
                                                         "its name, and is not used",
                                       "pbx-archive audit lists legs that differ; find out whose this one is, and give "
                                       "it another name, here and in its CDR rows"});
        leg = LocatedLeg{leg.name};
    }
    return others;
}

// What cannot be read is left to whoever opens the leg, and reports it then.
// Asterisk writes the length into the header of a recording that it goes on with, so that its first bytes change: the
// file's mark is then what is left of its beginning.
bool LegSources::is_other(const LocatedLeg& leg, const Content& archived) const {
    try {
        const auto file = LocalLegs::open(leg);
        const auto earlier = file ? mark_.earlier_copy(file->get()) : std::nullopt;
        if (!file || (earlier && earlier->size == archived.size && earlier->md5 == archived.md5))
            return false;
        return size_of(file->get(), leg.name) < archived.size ||
               md5_of_file(file->get(), archived.size, leg.name) != archived.md5;
    } catch (const Error& error) {
        log::note("leg {} is not compared with what was archived: {}", shown(leg.name), error.what());
        return false;
    }
}

FetchedObjects LegSources::bring_back(const std::vector<std::string>& names, const KnownContents& expected,
                                      const Deadline& deadline) {
    std::vector<std::string> open;
    FetchedObjects known;
    for (const auto& name : names) {
        if (!brought_.contains(name) || brought_back_.present.contains(name))
            open.push_back(name); // what was here was removed meanwhile: pbx-archive makes room
        else if (const auto failure = brought_back_.failures.find(name); failure != brought_back_.failures.end())
            known.failures.insert(*failure);
        else if (const auto damage = brought_back_.damaged.find(name); damage != brought_back_.damaged.end())
            known.damaged.insert(*damage);
    }
    auto fetched = bring_back_now(open, expected, deadline);
    fetched.failures.merge(known.failures);
    fetched.damaged.merge(known.damaged);
    return fetched;
}

void LegSources::bring_back_ahead(const std::vector<std::string>& names, const KnownContents& expected,
                                  const Deadline& deadline) {
    brought_.insert(names.begin(), names.end());
    try {
        auto fetched = bring_back_now(names, expected, deadline);
        brought_back_.present.merge(fetched.present);
        brought_back_.failures.merge(fetched.failures);
        brought_back_.damaged.merge(fetched.damaged);
    } catch (const Error& error) {
        for (const auto& name : names)
            brought_back_.failures.insert_or_assign(name, error);
    }
}

FetchedObjects LegSources::bring_back_now(const std::vector<std::string>& names, const KnownContents& expected,
                                          const Deadline& deadline) {
    FetchedObjects fetched;
    if (archive_ && !names.empty())
        fetched = bring_where_there_is_room(names, expected, deadline);
    compared_.insert(fetched.present.begin(), fetched.present.end());
    for (const auto& name : names)
        if (const auto unreadable = unreadable_.find(name); unreadable != unreadable_.end())
            fetched.damaged.emplace(name, unreadable->second);
    return fetched;
}

FetchedObjects LegSources::bring_where_there_is_room(const std::vector<std::string>& names,
                                                     const KnownContents& expected, const Deadline& deadline) {
    std::uint64_t bytes = 0;
    for (const auto& name : names)
        if (const auto known = expected.find(name); known != expected.end())
            bytes += known->second.size;
    if (without_cache_ == WithoutCache::use_private_folder && SpoolSpace{local_.spool(), space_}.available() <= bytes) {
        log::note("legs are not cached: less than the reserve is free on the disk");
        return bring_into_private_folder(names, expected, deadline);
    }
    try {
        return bring_into_cache(names, expected, deadline);
    } catch (const Error& error) {
        if (without_cache_ == WithoutCache::fail || !cannot_write(error) || ::access(cache_path_.c_str(), W_OK) == 0)
            throw;
        log::note("legs are not cached: {}", error.what());
    }
    return bring_into_private_folder(names, expected, deadline);
}

FetchedObjects LegSources::bring_into_private_folder(const std::vector<std::string>& names,
                                                     const KnownContents& expected, const Deadline& deadline) {
    auto fetched = fetch_objects(*archive_, Shelf::legs, names, private_folder(), deadline, expected);
    use_cache(private_folder());
    return fetched;
}

FetchedObjects LegSources::bring_into_cache(const std::vector<std::string>& names, const KnownContents& expected,
                                            const Deadline& deadline) {
    const auto cache = Folder::create(cache_path_, &local_.spool());
    use_cache(cache);
    // rclone writes by paths, and the user who owns the cache could redirect those: root lets it write into a folder of
    // root's own, and copies the legs from there.
    const bool is_redirectable = ::geteuid() == 0 && cache.owner().st_uid != 0;
    auto fetched = is_redirectable ? bring_through_private_folder(names, expected, cache, deadline)
                                   : fetch_objects(*archive_, Shelf::legs, names, cache, deadline, expected);
    local_.use_again(cache, fetched.present);
    return fetched;
}

FetchedObjects LegSources::bring_through_private_folder(const std::vector<std::string>& names,
                                                        const KnownContents& expected, const Folder& cache,
                                                        const Deadline& deadline) {
    const auto& arrived = private_folder();
    auto fetched = fetch_objects(*archive_, Shelf::legs, names, arrived, deadline, expected);
    for (const auto& name : names) {
        const auto leg = arrived.find(name);
        if (!leg)
            continue;
        AtomicFile file{cache, name, 0640, deadline};
        copy_bytes(leg->get(), 0, size_of(leg->get(), name), file.fd(), name);
        file.commit();
        arrived.remove(name);
    }
    return fetched;
}

const Folder& LegSources::private_folder() {
    if (!private_folder_)
        private_folder_.emplace(Folder::open(temporary_folder()), "pbx-recording-fetch.", ::geteuid());
    return private_folder_->folder();
}

} // namespace pbx::recording

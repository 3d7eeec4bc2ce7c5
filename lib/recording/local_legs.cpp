// A leg is looked up once and then opened where it was found. Its descriptor is not kept: a call may have more legs
// than a process may have open files.
#include "recording/local_legs.hpp"

#include "base/name.hpp"
#include "recording/leg_days.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>

namespace pbx::recording {

using Place = LocatedLeg::Place;

FileTime modification_time(const struct stat& status) {
    // A file may have any time, but nanoseconds reach only from 1677 to 2262; the length of a leg is subtracted.
    constexpr std::chrono::sys_seconds earliest = std::chrono::sys_days{std::chrono::year{1900} / 1 / 1};
    constexpr std::chrono::sys_seconds latest = std::chrono::sys_days{std::chrono::year{2262} / 1 / 1};
    const std::chrono::sys_seconds second{std::chrono::seconds{status.st_mtim.tv_sec}};
    if (second < earliest || second >= latest)
        return second < earliest ? earliest : latest;
    return second + std::chrono::nanoseconds{status.st_mtim.tv_nsec};
}

void set_modification_time(int fd, FileTime time, const std::string& what) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(time);
    const timespec moment{whole.time_since_epoch().count(), (time - whole).count()};
    const std::array<timespec, 2> times{moment, moment};
    if (::futimens(fd, times.data()) != 0)
        throw system_error(Exit::cant_create, "cannot set the time of " + what, errno);
}

bool is_same_file(const struct stat& one, const struct stat& other) {
    return one.st_dev == other.st_dev && one.st_ino == other.st_ino && one.st_size == other.st_size &&
           modification_time(one) == modification_time(other);
}

namespace {

// A row that names a path outside of the spool names no leg: see db/leg_naming.hpp.
void require_leg_name(const std::string& name) {
    if (name.find('/') != std::string::npos)
        throw Error{Exit::data, "leg \"" + shown(name) + "\" refused: the path does not lead to a file in the spool",
                    "recordingfile in a CDR row is the name of a file in the spool, or its path"};
    require_safe_name(name, "leg");
}

} // namespace

std::vector<LocatedLeg> LocalLegs::find_in_spool(const cdr::Call& call) const {
    std::vector<LocatedLeg> legs;
    legs.reserve(call.legs.size());
    for (const auto& name : call.legs)
        legs.push_back(find_in_spool(name, days_of(call, name), named_day(call, name)));
    return legs;
}

LocatedLeg LocalLegs::find_in_spool(const std::string& name, const std::vector<spool::Day>& days,
                                    const spool::Day& named) const {
    LocatedLeg leg{name};
    if (!name_fault(name).empty()) {
        leg.place = Place::refused;
        return leg;
    }
    auto file = folders_.find_one(name, days, named);
    if (!file)
        return leg;
    leg.place = Place::spool;
    leg.folder = &spool_;
    leg.day = std::move(file->day);
    leg.is_of_named_day = !named.empty() && leg.day == named;
    leg.modified = modification_time(file->status);
    leg.size = static_cast<std::uint64_t>(std::max<off_t>(file->status.st_size, 0));
    return leg;
}

std::vector<spool::Day> LocalLegs::days_of(const cdr::Call& call, const std::string& leg) const {
    return folders_.is_dated() ? likely_days(call, leg) : std::vector<spool::Day>{};
}

spool::Day LocalLegs::named_day(const cdr::Call& call, const std::string& leg) {
    const auto named = call.days.find(leg);
    return named == call.days.end() ? spool::Day{} : named->second;
}

std::vector<spool::Day> LocalLegs::all_days(const std::function<void(const Error&)>& fault) const {
    return folders_.days(fault);
}

void LocalLegs::find_in_caches(std::vector<LocatedLeg>& legs) const {
    for (auto& leg : legs) {
        if (leg.place != Place::elsewhere)
            continue;
        leg.folder = cache_of(leg.name);
        if (leg.folder != nullptr)
            leg.place = Place::cache;
    }
}

const Folder* LocalLegs::cache_of(const std::string& name) const {
    const auto cache = std::find_if(caches_.begin(), caches_.end(), [&](const Folder& folder) {
        return folder.look(name).has_value() && !ignored_.contains({&folder, name});
    });
    return cache == caches_.end() ? nullptr : &*cache;
}

void LocalLegs::ignore_in_cache(LocatedLeg& leg) {
    ignored_.emplace(leg.folder, leg.name);
    leg.place = Place::elsewhere;
    leg.folder = nullptr;
}

void LocalLegs::use_again(const Folder& cache, const std::set<std::string>& names) {
    std::erase_if(ignored_, [&](const auto& entry) {
        return entry.first->path() == cache.path() && names.contains(entry.second);
    });
}

bool LocalLegs::has(const std::string& name, const std::vector<spool::Day>& days) const {
    return name_fault(name).empty() && (!folders_.find(name, days).empty() || cache_of(name) != nullptr);
}

std::optional<Fd> LocalLegs::open(const LocatedLeg& leg) {
    require_leg_name(leg.name);
    if (leg.folder == nullptr || leg.day.empty())
        return leg.folder == nullptr ? std::nullopt : leg.folder->find(leg.name);
    const auto folder = spool::LegFolders{*leg.folder, SpoolLayout::dated}.find_day(leg.day);
    return folder ? folder->find(leg.name) : std::nullopt;
}

bool can_be_archived(const std::string& name) {
    return name_fault(name).empty() && is_utf8(name);
}

std::vector<std::string> names_elsewhere(const std::vector<LocatedLeg>& legs) {
    std::vector<std::string> names;
    for (const auto& leg : legs)
        if (leg.place == Place::elsewhere && leg.damage.empty() && can_be_archived(leg.name))
            names.push_back(leg.name);
    return names;
}

void mark_damaged_legs(std::vector<LocatedLeg>& legs, const std::map<std::string, Error>& damaged) {
    for (auto& leg : legs)
        if (const auto damage = damaged.find(leg.name); leg.place == Place::elsewhere && damage != damaged.end())
            leg.damage = damage->second.what();
}

} // namespace pbx::recording

// The legs that this machine has: in the spool, or in a cache of legs brought back from the archive.
#pragma once

#include "base/error.hpp"
#include "base/folder.hpp"
#include "base/spool_layout.hpp"
#include "cdr/legs.hpp"
#include "spool/leg_folders.hpp"

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace pbx::recording {

using FileTime = std::chrono::sys_time<std::chrono::nanoseconds>;

FileTime modification_time(const struct stat& status);
/// Throws Error (cant_create).
void set_modification_time(int fd, FileTime time, const std::string& what);
/// Whether both are the same file with the same content, as far as size and time show.
bool is_same_file(const struct stat& one, const struct stat& other);

/// A leg's name, and where it was when it was looked for.
struct LocatedLeg {
    enum class Place {
        spool,
        cache,
        elsewhere, ///< not on this machine
        refused,   ///< nowhere: it must not be used as a file name (name.hpp)
    };

    std::string name;
    Place place = Place::elsewhere;
    const Folder* folder = nullptr; ///< the spool, or a cache; as valid as the LocalLegs that found it
    spool::Day day{};               ///< of a leg in the spool: the folder below it
    bool is_of_named_day = false;   ///< that is the folder of the day that its CDR row names
    FileTime modified{};            ///< of a leg in the spool
    std::uint64_t size = 0;         ///< of a leg in the spool, in bytes
    std::string damage{};           ///< why its bytes in the archive must not be used; empty: no reason
};

class LocalLegs {
  public:
    LocalLegs(Folder spool, SpoolLayout layout) : spool_{std::move(spool)}, folders_{spool_, layout} {}
    LocalLegs(const LocalLegs&) = delete;
    LocalLegs& operator=(const LocalLegs&) = delete;
    ~LocalLegs() = default;

    const Folder& spool() const { return spool_; }
    void add_cache(Folder folder) { caches_.push_back(std::move(folder)); }

    /// Looks for the call's legs in the spool. It does not look in the caches, since a call whose recording is current
    /// needs none of its legs. Throws Error: data when two files in the spool have the name of one of them; io.
    std::vector<LocatedLeg> find_in_spool(const cdr::Call& call) const;
    /// The same for one leg, which may also lie in the folders of these days. If the folder of the day `named` (from a
    /// CDR row) exists, but cannot be opened, that is an error.
    LocatedLeg find_in_spool(const std::string& name, const std::vector<spool::Day>& days,
                             const spool::Day& named = {}) const;
    /// Looks in the caches for those of `legs` that were elsewhere.
    void find_in_caches(std::vector<LocatedLeg>& legs) const;
    /// Whether there is a file of this name in the spool, the folders of these days, or a cache.
    bool has(const std::string& name, const std::vector<spool::Day>& days = {}) const;
    /// In which folders a leg of the call may lie; none in the layout `flat`.
    std::vector<spool::Day> days_of(const cdr::Call& call, const std::string& leg) const;
    /// The one of them that the path in the leg's row names; empty where it names none.
    static spool::Day named_day(const cdr::Call& call, const std::string& leg);
    /// All days that have a folder. What cannot be opened, or is a link, goes to `fault`.
    std::vector<spool::Day> all_days(const std::function<void(const Error&)>& fault) const;
    /// Finds a leg that was found in a cache there no more: it is bad. The file stays until a good one replaces it. Not
    /// for several threads at once, like use_again().
    void ignore_in_cache(LocatedLeg& leg);
    /// Good legs were written to `cache`.
    void use_again(const Folder& cache, const std::set<std::string>& names);

    /// Opens a leg where it was found; nothing when it is gone since, or was elsewhere. Throws Error: data when its
    /// name is refused or it is not a regular file; no_permission, io.
    static std::optional<Fd> open(const LocatedLeg& leg);

  private:
    const Folder* cache_of(const std::string& name) const;

    Folder spool_;
    spool::LegFolders folders_;
    std::deque<Folder> caches_;                               ///< a deque, because LocatedLeg points at its elements
    std::set<std::pair<const Folder*, std::string>> ignored_; ///< bad legs in a cache
};

/// Whether the archive can be asked for a leg of this name.
bool can_be_archived(const std::string& name);

/// Notes in those of `legs` that are not on this machine why the archive's bytes must not be used.
void mark_damaged_legs(std::vector<LocatedLeg>& legs, const std::map<std::string, Error>& damaged);

/// The names of those of `legs` that are not on this machine and that the archive can be asked for.
std::vector<std::string> names_elsewhere(const std::vector<LocatedLeg>& legs);

} // namespace pbx::recording

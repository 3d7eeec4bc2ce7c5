// The legs that this machine has: in the spool, or in a cache of legs brought back from the archive.
#pragma once

#include "base/error.hpp"
#include "base/folder.hpp"

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <deque>
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
    const Folder* folder = nullptr; ///< of a leg in the spool or a cache; as valid as the LocalLegs that found it
    FileTime modified{};            ///< of a leg in the spool
    std::uint64_t size = 0;         ///< of a leg in the spool, in bytes
    std::string damage{};           ///< why its bytes in the archive must not be used; empty: no reason
};

class LocalLegs {
  public:
    explicit LocalLegs(Folder spool) : spool_{std::move(spool)} {}
    LocalLegs(const LocalLegs&) = delete;
    LocalLegs& operator=(const LocalLegs&) = delete;
    ~LocalLegs() = default;

    const Folder& spool() const { return spool_; }
    void add_cache(Folder folder) { caches_.push_back(std::move(folder)); }

    /// Looks for legs in the spool. It does not look in the caches, since a call whose recording is current needs none
    /// of its legs.
    std::vector<LocatedLeg> find_in_spool(const std::vector<std::string>& names) const;
    /// Looks in the caches for those of `legs` that were elsewhere.
    void find_in_caches(std::vector<LocatedLeg>& legs) const;
    /// Whether there is a file of this name in the spool or a cache.
    bool has(const std::string& name) const;
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

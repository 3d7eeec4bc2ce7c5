// Where legs come from: the spool, the cache of legs brought back, and the archive.
#pragma once

#include "base/content.hpp"
#include "base/deadline.hpp"
#include "base/private_folder.hpp"
#include "db/session.hpp"
#include "recording/local_legs.hpp"
#include "recording/places.hpp"
#include "recording/weave_leg.hpp"
#include "remote/object.hpp"
#include "remote/remote.hpp"
#include "remote/transfer.hpp"
#include "spool/halves.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pbx::recording {

class LegSources {
  public:
    /// What happens when a leg is brought back and the cache cannot be written.
    enum class WithoutCache { fail, use_private_folder };

    /// rclone inherits the descriptor `lock` (-1: none). Throws Error when the spool cannot be opened.
    LegSources(const Places& places, WithoutCache without_cache, int lock = -1);

    const LocalLegs& local() const { return local_; }
    /// Null when no remote is configured.
    Remote* archive() { return archive_ ? &*archive_ : nullptr; }

    /// Makes those of `legs` that wait in the folder of halves: in the spool, or, where that cannot be written, in a
    /// private folder, without removing the halves. Returns data when a half was unreadable. Throws Error: temporary
    /// while a leg is being recorded, and what weave_leg() throws.
    Exit weave_halves(const std::vector<std::string>& legs);

    /// From now on a leg counts as absent only in the archive that the database remembers. A database whose schema is
    /// older remembers none. Throws Error (unavailable, no_permission).
    void recognize_archive(soci::session& session, const Deadline& deadline);

    /// Those of `names` that the archive has now. What it does not answer for is not among them, with a note: the
    /// recording that lacks these legs is good as far as it goes.
    std::set<std::string> find_archived(const std::vector<std::string>& names, const Deadline& deadline);

    /// Looks in the caches for those of `legs` that were elsewhere, and compares what is there with `expected`, once in
    /// the life of this object. A leg that differs or cannot be read is ignored from then on, with a warning, and is
    /// elsewhere again.
    void find_in_caches(std::vector<LocatedLeg>& legs, const KnownContents& expected);

    /// Brings legs from the archive to this machine, where find_in_caches() then sees them. A leg that is not there
    /// afterwards, and neither failed nor damaged, is definitely not in the archive. Throws Error when the archive or
    /// the cache cannot be used at all. Does nothing without a remote.
    FetchedObjects bring_back(const std::vector<std::string>& names, const KnownContents& expected,
                              const Deadline& deadline);

  private:
    std::optional<spool::HalvesFolder> find_halves_folder() const;
    static std::optional<WovenLeg> weave_now(const Folder& folder, const spool::HalvesFolder& halves,
                                             const std::string& leg);
    Exit weave_leg_into(const Folder& folder, const spool::HalvesFolder& halves, const std::string& leg) const;
    bool has_room_for(const spool::HalvesFolder& halves, const std::string& leg) const;
    static std::string find_fault(const LocatedLeg& leg, const Content& expected);
    FetchedObjects bring_where_there_is_room(const std::vector<std::string>& names, const KnownContents& expected,
                                             const Deadline& deadline);
    FetchedObjects bring_into_private_folder(const std::vector<std::string>& names, const KnownContents& expected,
                                             const Deadline& deadline);
    FetchedObjects bring_into_cache(const std::vector<std::string>& names, const KnownContents& expected,
                                    const Deadline& deadline);
    FetchedObjects bring_through_private_folder(const std::vector<std::string>& names, const KnownContents& expected,
                                                const Folder& cache, const Deadline& deadline);
    const Folder& private_folder();
    void use_cache(const Folder& folder);

    std::string cache_path_;
    WithoutCache without_cache_;
    SpaceRules space_;
    LocalLegs local_;
    std::optional<Remote> archive_;
    std::optional<PrivateFolder> private_folder_;
    std::set<std::string> used_;     ///< paths of the folders that `local_` has as caches
    std::set<std::string> compared_; ///< legs in a cache that were found to be as expected
};

} // namespace pbx::recording

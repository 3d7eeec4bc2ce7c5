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
#include "spool/archived_mark.hpp"
#include "spool/halves.hpp"

#include <map>
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
    /// private folder, without removing the halves. Returns data when a half was unreadable, and when a leg could not
    /// be made and it, or another one, can be served as it is. Throws Error: temporary while a leg is being recorded,
    /// and what weave_leg() throws.
    Exit weave_halves(const std::vector<std::string>& legs);

    /// Legs of which no half can be read, each with why. weave_halves() adds those that it meets, and bring_back()
    /// reports them as damaged unless the archive has them.
    void add_unreadable(std::map<std::string, Error> legs) { unreadable_.merge(legs); }
    bool is_unreadable(const std::string& leg) const { return unreadable_.contains(leg); }

    /// From now on a leg counts as absent only in the archive that the database remembers. A database whose schema is
    /// older remembers none. Throws Error (unavailable, no_permission).
    void recognize_archive(soci::session& session, const Deadline& deadline);

    /// Those of `names` that the archive has now. What it does not answer for is not among them, with a note: the
    /// recording that lacks these legs is good as far as it goes.
    std::set<std::string> find_archived(const std::vector<std::string>& names, const Deadline& deadline);

    /// Asks for these names now, so that find_archived() needs no question about them.
    void find_archived_ahead(const std::vector<std::string>& names, const Deadline& deadline);

    /// Looks in the caches for those of `legs` that were elsewhere, and compares what is there with `expected`, once in
    /// the life of this object. A leg that differs or cannot be read is ignored from then on, with a warning, and is
    /// elsewhere again.
    void find_in_caches(std::vector<LocatedLeg>& legs, const KnownContents& expected);

    /// Finds those of `legs` in the spool of which `archived` describes another recording: neither is the file what was
    /// archived under its name, nor was that its beginning, nor does a row name the folder that it lies in. They are
    /// elsewhere from then on, so that what is used is what was archived. Returns the error of each; reports none.
    std::map<std::string, Error> set_aside_others(std::vector<LocatedLeg>& legs, const KnownContents& archived) const;

    /// Brings legs from the archive to this machine, where find_in_caches() then sees them. A leg that is not there
    /// afterwards, and neither failed nor damaged, is definitely not in the archive. Throws Error when the archive or
    /// the cache cannot be used at all. Does nothing without a remote.
    FetchedObjects bring_back(const std::vector<std::string>& names, const KnownContents& expected,
                              const Deadline& deadline);

    /// Brings back the legs of many calls now: bring_back() then answers for these names from what happened here, also
    /// when the archive or the cache cannot be used.
    void bring_back_ahead(const std::vector<std::string>& names, const KnownContents& expected,
                          const Deadline& deadline);

  private:
    std::set<std::string> ask_archive(const std::vector<std::string>& names, const Deadline& deadline);
    FetchedObjects bring_back_now(const std::vector<std::string>& names, const KnownContents& expected,
                                  const Deadline& deadline);
    std::optional<spool::HalvesFolder> find_halves_folder() const;
    static std::optional<WovenLeg> weave_now(const Folder& folder, const spool::HalvesFolder& halves,
                                             const std::string& leg);
    Exit weave_leg_into(const Folder& folder, const spool::HalvesFolder& halves, const std::string& leg) const;
    bool has_room_for(const spool::HalvesFolder& halves, const std::string& leg) const;
    static std::string find_fault(const LocatedLeg& leg, const Content& expected);
    bool is_other(const LocatedLeg& leg, const Content& archived) const;
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
    spool::ArchivedMark mark_;
    std::map<std::string, Error> unreadable_;
    std::optional<Remote> archive_;
    std::optional<PrivateFolder> private_folder_;
    std::set<std::string> used_;                 ///< paths of the folders that `local_` has as caches
    std::set<std::string> compared_;             ///< legs in a cache that were found to be as expected
    std::map<std::string, bool> known_archived_; ///< what find_archived_ahead() found
    std::set<std::string> brought_;              ///< names that bring_back_ahead() asked for
    FetchedObjects brought_back_;                ///< what it found
};

} // namespace pbx::recording

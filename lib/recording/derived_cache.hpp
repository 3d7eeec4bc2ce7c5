// A folder of limited size for what was made from recordings and can be made again: encoded copies, waveforms, and the
// beginnings of archived recordings.
#pragma once

#include "base/deadline.hpp"
#include "base/folder.hpp"
#include "recording/spool_space.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pbx::recording {

class DerivedCache {
  public:
    struct Options {
        std::string folder;             ///< empty: nothing is kept
        std::uint64_t most = 1U << 30U; ///< bytes of all entries together
    };

    /// Below the reserve of the spool's file system, nothing is kept there. Throws Error (io) when there is no spool.
    DerivedCache(Options options, const std::string& spool, SpaceRules rules);

    struct Kept {
        Fd file;
        std::uint64_t size; ///< bytes of the file that were kept; the rest of it is the cache's own
    };

    /// An entry, which counts as used now. Nothing when there is none. One whose bytes changed is removed.
    std::optional<Kept> find(const std::string& name);
    std::optional<std::string> find_text(const std::string& name);

    /// Keeps an entry if it can, and removes those that were not used for the longest time. `name` consists of letters,
    /// digits, dashes and dots. A cache that cannot be written is a note.
    void keep(const std::string& name, int file, const Deadline& deadline);
    void keep_text(const std::string& name, std::string_view text, const Deadline& deadline);

  private:
    bool has_room_for(std::uint64_t bytes) const;
    void make_room() const;

    Options options_;
    Folder spool_;
    SpaceRules rules_;
    std::optional<Folder> folder_; ///< once it exists
};

} // namespace pbx::recording

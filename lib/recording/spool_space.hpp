// The free space that the recorders need.
#pragma once

#include "base/folder.hpp"
#include "recording/space_rules.hpp"

#include <cstdint>

namespace pbx::recording {

struct FreeSpace {
    std::uint64_t free = 0; ///< bytes, for others than root
    std::uint64_t total = 0;
    std::uint64_t free_files = 0; ///< inodes, likewise; both are 0 where the file system does not count them
    std::uint64_t files = 0;
    bool read_only = false;
};

/// Of the file system of `folder`. Throws Error (io).
FreeSpace space_of(const Folder& folder);

/// The file system of the spool.
class SpoolSpace {
  public:
    /// The spool must outlive it.
    SpoolSpace(const Folder& spool, SpaceRules rules) : spool_{spool}, rules_{rules} {}

    const SpaceRules& rules() const { return rules_; }

    /// Whether what is written to `folder` takes space from the recorders. Throws Error (io).
    bool holds(const Folder& folder) const;

    /// Bytes that may be written before less than the reserve is free. Throws Error (io).
    std::uint64_t available() const;
    /// The same of an empty file system. Throws Error (io).
    std::uint64_t most_available() const;

    /// Bytes that are missing to the reserve now; 0 when there are none. Throws Error (io).
    std::uint64_t missing() const;

  private:
    const Folder& spool_;
    SpaceRules rules_;
};

} // namespace pbx::recording

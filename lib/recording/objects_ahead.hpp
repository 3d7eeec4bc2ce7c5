// Objects that were fetched from the archive ahead, many at once, so that serving a call asks it nothing.
#pragma once

#include "base/fd.hpp"
#include "base/folder.hpp"
#include "remote/transfer.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>

namespace pbx::recording {

/// The objects of one shelf.
struct ShelfAhead {
    const Folder* folder = nullptr;   ///< where those that are present are
    std::set<std::string> asked = {}; ///< the names that the archive was asked for
    FetchedObjects fetched = {};
    std::map<std::string, std::string> faults = {}; ///< what find_damage_in_file() found in those that are present

    /// Nothing when the object is definitely absent. Throws Error as the fetch of this object did.
    std::optional<Fd> open(const std::string& name) const;
};

struct ObjectsAhead {
    ShelfAhead recordings;
    ShelfAhead legs;
};

} // namespace pbx::recording

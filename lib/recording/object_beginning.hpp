// The first bytes of an archived object, which decide whether and how it is served.
#pragma once

#include "recording/fetch_tiers.hpp"

#include <optional>
#include <string>

namespace pbx::recording {

struct ObjectBeginning {
    std::string bytes;
    bool is_kept = false; ///< it is in the cache
};

/// From the cache, or else from the remote: then its size and MD5 there are compared with `expected`. `least` bytes, or
/// all of a shorter object. Nothing when the object is definitely absent. Throws Error: data when the remote has
/// another object; unavailable, no_permission.
std::optional<ObjectBeginning> find_beginning(FetchWork& work, Shelf shelf, const std::string& name,
                                              const Content& expected, std::uint64_t least);

/// Keeps the first `length` bytes for the next request.
void keep_beginning(FetchWork& work, const Content& expected, const ObjectBeginning& beginning, std::uint64_t length);

} // namespace pbx::recording

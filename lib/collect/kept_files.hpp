// Which recordings of an earlier run are still right.
#pragma once

#include "base/folder.hpp"
#include "cdr/legs.hpp"
#include "collect/entry.hpp"
#include "recording/local_legs.hpp"

#include <vector>

namespace pbx::collect {

struct KeptFile {
    const cdr::Call& call;
    const Entry& wanted;
    const Entry* known; ///< of an earlier run; null: there is none
};

/// For each, whether its file is there, unchanged, was made with the same options, and has all that the call has now. A
/// recording that lacks a leg is never right: the leg may be there now.
std::vector<char> find_kept_files(const std::vector<KeptFile>& files, const Folder& folder,
                                  const recording::LocalLegs& legs, unsigned jobs);

} // namespace pbx::collect

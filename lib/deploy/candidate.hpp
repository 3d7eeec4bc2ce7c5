// The configuration that a private Asterisk loads: the operator's files and the organizations', in a folder of its own.
#pragma once

#include "base/folder.hpp"
#include "deploy/sources.hpp"

#include <functional>
#include <set>
#include <string>

namespace pbx::deploy {

struct Candidate {
    Texts files;                ///< by their names in the private folder
    Texts real_names;           ///< of those files that lie outside the Asterisk folder
    std::set<std::string> exec; ///< files with #exec lines, which are left out
};

/// Copies what Asterisk reads in `folder`, where `instead` replaces files. `ours` returns the text to take for a file
/// of an organization. Transports are not opened and phones are not asked whether they are there. Throws Error as
/// read_sources().
Candidate make_candidate(const Folder& folder, const Texts& instead,
                         const std::function<std::string(const Source&)>& ours);

} // namespace pbx::deploy

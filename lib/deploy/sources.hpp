// What Asterisk reads for a main file: the file itself and whatever it includes, the operator's and ours.
#pragma once

#include "base/folder.hpp"
#include "dialplan/operator_names.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace pbx::deploy {

/// Texts of files of the Asterisk folder, by name.
using Texts = std::map<std::string, std::string>;

struct Source {
    std::string name; ///< within the Asterisk folder ("custom/a.conf"), or the whole path of a file elsewhere
    std::string text;
    bool ours = false;                                        ///< an organization's file
    std::map<std::size_t, std::vector<std::string>> includes; ///< by line, from 0: names of the files that it includes
};

/// The main file and all that it includes, each once, in the order in which Asterisk comes to them; nothing when there
/// is no main file. `instead` are texts to take in place of what the folder holds or lacks. #exec is never run.
///
/// Files are read with the rights of the folder's owner, or, where that is root, with those of the owner of the file
/// that includes them: nobody gets to see through us what is closed to them.
/// Throws Error: no_permission, io; config for what is no regular file or too much.
std::vector<Source> read_sources(const Folder& folder, const std::string& main_file, const Texts& instead);

/// What the operator's own files hold that concerns the organizations.
struct OperatorFiles {
    dialplan::OperatorNames names;
    std::set<std::string> extended; ///< sections that they add to, [name](+), or take for a template
    std::string identifier_order;   ///< endpoint_identifier_order of pjsip.conf; empty: not set
};

/// Reads the three main files and what they include. Throws Error as read_sources.
OperatorFiles read_operator_files(const Folder& folder, const Texts& instead);

} // namespace pbx::deploy

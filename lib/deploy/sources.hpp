// What Asterisk reads for a main file: the file itself and all that it includes, the operator's files and ours.
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

/// The main file and all that it includes, each once, in the order in which Asterisk reads them; nothing when there is
/// no main file. `instead` has texts that replace files of the folder or are missing there. #exec lines are never
/// executed.
///
/// Files are read with the rights of the folder's owner, or, where that is root, with those of the owner of the file
/// that includes them, so that no user can read through us what is closed to that user.
/// Throws Error: no_permission, io; config for something that is not a regular file, or for too many files.
std::vector<Source> read_sources(const Folder& folder, const std::string& main_file, const Texts& instead);

/// What concerns the organizations in the operator's own files.
struct OperatorFiles {
    dialplan::OperatorNames names;
    std::set<std::string> extended; ///< sections that they add to, [name](+), or use as a template
    std::string identifier_order;   ///< endpoint_identifier_order of pjsip.conf; empty: not set
};

/// Reads the three main files and what they include. Throws Error as read_sources.
OperatorFiles read_operator_files(const Folder& folder, const Texts& instead);

} // namespace pbx::deploy

// The changes to the Asterisk folder, made so that Asterisk can load the folder at any moment.
#pragma once

#include "base/deadline.hpp"
#include "base/folder.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pbx::deploy {

/// A file as it should be.
struct File {
    std::string name;
    std::string text;
};

struct Change {
    std::string name;
    std::optional<std::string> before; ///< nothing: there is no such file
    std::optional<std::string> after;  ///< nothing: the file is removed

    /// Whether the text stays, and other users lose their rights on the file.
    bool is_only_mode() const { return before == after; }
};

struct Changes {
    std::vector<Change> files; ///< the recorder's file, then those of organizations, written
    /// extensions.conf as it was but for the line that includes the recorder; nothing when it had that line.
    std::optional<Change> main_with_recorder;
    std::vector<Change> mains;    ///< extensions.conf, pjsip.conf, queues.conf
    std::vector<Change> removals; ///< files of organizations that are gone
    /// Files of somebody else which a main file will not include any more: no active organization has their prefix.
    std::set<std::string> left_out;

    bool empty() const { return files.empty() && mains.empty() && removals.empty(); }
};

/// The text of the file `name`; nothing when there is none. Throws Error: config when it is not a regular file, io,
/// no_permission.
std::optional<std::string> read(const Folder& folder, const std::string& name);

/// Adds to `files` the files in `folder` of other organizations that are active.
void add_others(const Folder& folder, const std::set<std::string>& active, std::vector<File>& files);

/// Compares `folder` with what it should contain. `active` has the prefixes of all active organizations; `wanted` may
/// have the files of only some of them, and those of the others stay. Files that we did not write are never removed.
/// Throws Error: config when somebody else wrote the recorder's file.
Changes compare(const Folder& folder, std::vector<File> wanted, const std::set<std::string>& active);

/// The prefixes of the organizations whose dialplan, written by us, is in `folder`. Throws Error (io).
std::set<std::string> deployed_prefixes(const Folder& folder);

/// Makes the changes: the recorder first, which the organizations' dialplan needs, then their files, then the lines
/// that include them, and the removals last, so that every included file exists at every instant. A run that is killed
/// leaves a folder that Asterisk loads, and the next run completes it. The caller holds the lock. Throws Error.
void apply(const Folder& folder, const Changes& changes, const Deadline& deadline);

/// All changes as diff -u prints them, passwords hidden.
std::string diff(const Folder& folder, const Changes& changes);

} // namespace pbx::deploy

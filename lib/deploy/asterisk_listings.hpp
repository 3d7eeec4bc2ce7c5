// What the generated files define, and what Asterisk lists after it has loaded them.
#pragma once

#include "deploy/changes.hpp"
#include "dialplan/includes.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::deploy {

using Names = std::set<std::string>;

/// "context extension" of every extension in the organizations' files.
Names extensions_in(const std::vector<File>& files);
/// The same of "dialplan show".
Names extensions_shown(const std::string& listing);

/// Those that switch recording on. One that is loaded and not in the files records what nobody wants recorded any more.
Names policy_in(const Names& extensions);

/// "context extension number application(arguments)" of every step of these extensions, in a form that can be compared
/// with steps_shown().
Names steps_in(const std::vector<File>& files);
/// The same of "dialplan show".
Names steps_shown(const std::string& listing);

/// The `names` that are not among the `others`.
Names without(const Names& names, const Names& others);

/// The names of sections of one type of file that hold the line `with`; of all sections when it is empty.
Names sections_in(const std::vector<File>& files, const dialplan::FileType& type, std::string_view with);

/// The queues of "queue show".
Names queues_shown(const std::string& listing);

/// The endpoints of "pjsip show endpoints", sorted. Asterisk cuts off long names in this listing.
std::vector<std::string> endpoints_shown(const std::string& listing);

/// Those of `names` that are not among the endpoints shown.
Names endpoints_not_shown(const Names& names, const std::vector<std::string>& shown);

/// The value of a line such as " endpoint_identifier_order      : ip,username,anonymous" of "pjsip show settings".
std::string setting_shown(const std::string& listing, std::string_view name);

} // namespace pbx::deploy

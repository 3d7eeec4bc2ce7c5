// What Asterisk logs while it loads its configuration. Its exit status and its answers on the console ("Dialplan
// reloaded.") are the same for a configuration that it refuses.
#pragma once

#include "deploy/candidate.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pbx::deploy {

/// The warnings and errors in a log, without their time and thread, with the names that files have in the Asterisk
/// folder: they are in `private_folder`, which ends in a slash, or those on the left of `real_names`.
std::vector<std::string> complaints_in(std::string_view log, const std::string& private_folder,
                                       const Texts& real_names);

/// A complaint about a host that does not resolve, which is not a fault of the configuration: Asterisk asks again when
/// it loads it.
bool is_about_name_servers(const std::string& complaint);

/// A complaint about a file of the candidate. Asterisk also complains about files that a private one does not have,
/// such as acl.conf.
bool is_about_files(const std::string& complaint, const Candidate& candidate);

} // namespace pbx::deploy

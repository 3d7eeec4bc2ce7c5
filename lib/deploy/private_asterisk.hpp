// An Asterisk in a temporary folder that loads a candidate, is asked what it has, and ends.
#pragma once

#include "base/deadline.hpp"
#include "base/identity.hpp"
#include "deploy/candidate.hpp"
#include "deploy/codec_paths.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace pbx::deploy {

/// What an Asterisk logged while it loaded its configuration, and its answers on the console afterwards.
struct LoadedConfiguration {
    std::vector<std::string> complaints; ///< see complaints_in()
    std::string dialplan;
    std::string endpoints;
    std::string queues;
    std::string settings;
    std::string cdr_status;
    Names codecs_without_path; ///< of PrivateAsteriskOptions::codecs
};

struct PrivateAsteriskOptions {
    std::string program;                 ///< from trusted_program()
    std::string installed_folders;       ///< from installed_folders()
    Identity user;                       ///< the account that it runs as
    std::filesystem::path temporary;     ///< from trusted_temporary_folder()
    std::map<std::string, Names> codecs; ///< from codecs_in()
};

/// The environment of an asterisk program.
std::vector<std::string> asterisk_environment(const std::string& home);

/// Starts an Asterisk on `candidate` and returns what it has loaded. Throws Error (unavailable) when it does not start
/// or does not end by the deadline.
LoadedConfiguration load_privately(const PrivateAsteriskOptions& options, const Candidate& candidate,
                                   const Deadline& deadline);

} // namespace pbx::deploy

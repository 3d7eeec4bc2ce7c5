// The work of pbx-dialplan-gen: from the database to a folder of files that Asterisk has loaded.
#pragma once

#include "base/error.hpp"
#include "dialplan/plan.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace pbx::deploy {

struct Options {
    std::string database;
    std::string spool = "/var/spool/asterisk/monitor";
    std::string node;   ///< empty: this machine shares nothing with another node
    std::string sounds; ///< the folder of the notices that came with the suite
    std::string folder = "/etc/asterisk";
    std::string asterisk = "asterisk";      ///< the program
    std::vector<std::string> organizations; ///< names, prefixes or ids; none means all, unless there are accounts
    std::vector<std::string> accounts;      ///< accountcodes, which are ids; with organizations: of the same ones
    dialplan::Rules rules;
    bool deploy = false;
    bool dry_run = false; ///< with deploy: print the changes, and make none
    bool check = false;
    bool explain = false;
    bool json = false;
    bool validate = false;
    bool reload = false;
    bool force = false;
    std::chrono::seconds timeout{300};
};

/// Prints the dialplan, unless the options ask for something else. Returns data when a row was left out (the others
/// are written all the same) and differs when a check found a difference. Throws Error.
Exit run(const Options& options);

} // namespace pbx::deploy

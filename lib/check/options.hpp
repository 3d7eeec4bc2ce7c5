// What pbx-check looks at.
#pragma once

#include "deploy/console.hpp"
#include "dialplan/plan.hpp"
#include "recording/places.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace pbx::check {

struct CheckOptions {
    recording::Places places;
    std::string database;
    std::string node;       ///< this machine's name among several; empty: none
    std::string migrations; ///< folder
    std::string link_key;   ///< the file of the keys that sign links; empty: none
    dialplan::Rules rules;  ///< the emergency numbers, which the deployed dialplan contains
    deploy::Console console{"asterisk", "/etc/asterisk", 512U << 20U}; ///< all organizations' dialplan is long
    std::string cron;               ///< the crontab, or a systemd timer (NAME.timer); empty: the usual place of either
    std::vector<std::string> tools; ///< all tools of the suite, which read the same configuration file
    std::string config;             ///< the configuration file that was read; empty: none
    std::string metrics;            ///< a file for monitoring, see recording/metrics.hpp
    std::chrono::seconds timeout{30}; ///< for all areas together, which are checked at the same time
    bool fix = false;                 ///< give files of ours to the spool's owner, create folders
    bool json = false;
};

} // namespace pbx::check

// An organization as three texts that Asterisk loads.
#pragma once

#include "dialplan/plan.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pbx::dialplan {

/// The properties of its machine that the dialplan contains.
struct Machine {
    std::string spool; ///< the folder of the recordings, for which spool_fault() is empty
    std::string node;  ///< the machine's node name; the names of its recordings end with it; may be empty
    std::vector<std::string> emergency = Rules{}.emergency; ///< digits; calls to them are never refused
    std::string sounds{};             ///< the folder of the suite's own notices; spool_fault() is empty
    bool records_two_channels = true; ///< its Asterisk keeps the two files of a recording in step
};

/// ext_<prefix>.conf: the dialplan.
std::string extensions_text(const Plan& plan, const Machine& machine);

/// pjsip_<prefix>.conf: phones and trunks. It holds passwords.
std::string pjsip_text(const Plan& plan);

/// queues_<prefix>.conf: queues with their members.
std::string queues_text(const Plan& plan);

/// Why `spool` cannot be written into the dialplan; empty when it can.
std::string_view spool_fault(std::string_view spool);

/// The first line of each of the texts, and whether a text begins with one.
std::string first_line(const Plan& plan);
bool is_ours(std::string_view text);

} // namespace pbx::dialplan

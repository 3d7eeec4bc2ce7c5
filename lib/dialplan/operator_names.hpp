// Sections of the operator's own configuration, which no organization may take or add to.
#pragma once

#include "dialplan/plan.hpp"

#include <map>
#include <string>

namespace pbx::dialplan {

/// Names of sections in lower case, each with the file in which it stands.
struct OperatorNames {
    std::map<std::string, std::string> contexts;  ///< extensions.conf and what it includes
    std::map<std::string, std::string> endpoints; ///< pjsip.conf
    std::map<std::string, std::string> queues;    ///< queues.conf
};

/// Leaves out, by name, each row whose endpoint, peer or queue would have the name of an operator's section: Asterisk
/// refuses all endpoints when two have one name. An organization of which a context would merge with an operator's
/// leaves `checked.plans` as a whole.
void leave_out(Checked& checked, const OperatorNames& names);

} // namespace pbx::dialplan

// Sections of the operator's own configuration, which no organization may redefine or add to.
#pragma once

#include "dialplan/plan.hpp"

#include <map>
#include <string>

namespace pbx::dialplan {

/// Names of sections in lower case, each with the file that contains it.
struct OperatorNames {
    std::map<std::string, std::string> contexts;  ///< extensions.conf and its includes
    std::map<std::string, std::string> endpoints; ///< pjsip.conf
    std::map<std::string, std::string> queues;    ///< queues.conf
};

/// Moves each row whose endpoint, peer or queue has the name of an operator's section to the refusals: Asterisk refuses
/// all endpoints when two have the same name. An organization is left out as a whole when one of its contexts would
/// merge with an operator's context.
void leave_out(Checked& checked, const OperatorNames& names);

} // namespace pbx::dialplan

// The parts of an organization's dialplan that depend on its prefix and on settings, but not on its rows.
#pragma once

#include "dialplan/plan.hpp"
#include "dialplan/render.hpp"

#include <string>

namespace pbx::dialplan {

/// [<prefix>__incoming]: the calls from trunks.
std::string incoming_context(const Plan& plan);

/// [<prefix>__none] and [<prefix>__message]: for numbers that nothing else matches.
std::string fallback_contexts(const Plan& plan);

/// [<prefix>__calls] and [<prefix>__calls-up]: the limit on simultaneous calls. Empty without a limit.
std::string call_limit_contexts(const Plan& plan, const Machine& machine);

} // namespace pbx::dialplan

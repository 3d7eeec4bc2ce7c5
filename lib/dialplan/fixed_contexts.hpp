// The parts of an organization's dialplan that depend on its prefix and on settings, but not on its rows.
#pragma once

#include "dialplan/plan.hpp"
#include "dialplan/render.hpp"

#include <string>
#include <string_view>

namespace pbx::dialplan {

/// [<prefix>__incoming]: the calls from trunks.
std::string incoming_context(const Plan& plan);

/// [<prefix>__none] and [<prefix>__message]: for numbers that nothing else matches.
std::string fallback_contexts(const Plan& plan);

/// [<prefix>__own] and [<prefix>__own_incoming]: empty, for the operator's own numbers.
std::string own_contexts(const Plan& plan);

/// Whether `context`, in lower case, is one of those of the organization with this prefix.
bool is_own_context(std::string_view context, std::string_view prefix);

/// [<prefix>__calls] and [<prefix>__calls-up]: the limit on simultaneous calls. Empty without a limit.
std::string call_limit_contexts(const Plan& plan, const Machine& machine);

} // namespace pbx::dialplan

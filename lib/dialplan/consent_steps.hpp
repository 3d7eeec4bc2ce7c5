// How a call is asked for consent to its recording, and how its answer stays with it.
#pragma once

#include "dialplan/plan.hpp"
#include "dialplan/render.hpp"

#include <string>

namespace pbx::dialplan {

/// The subroutines of [pbx-recorder] about consent, for all organizations.
std::string consent_steps(const Machine& machine);

/// [<prefix>__consent]: the organization's mode and notice, and the DIDs and queues at which the caller is asked. Empty
/// when nobody is asked, or nothing is recorded. The subroutines look for it when a call passes, as for the policy.
std::string consent_context(const Plan& plan, const Machine& machine);

/// The sound that is played: a name in Asterisk's folder of sounds, or the path of one of the suite's own. Both
/// without the file's extension. Empty when none is played.
std::string notice_of(const Consent& consent, const Machine& machine);

} // namespace pbx::dialplan

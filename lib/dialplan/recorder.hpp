// The subroutines that start and end recordings. They stand once, for all organizations, in a file that is always
// deployed: a call in progress finds them even when its organization was removed.
#pragma once

#include "dialplan/policy.hpp"
#include "dialplan/render.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pbx::dialplan {

/// The text of recorder_file: the contexts [pbx-recorder] and [pbx-recorder-up].
std::string recorder_text(const Machine& machine);

/// Whether `context` is one of those.
bool is_recorder_context(std::string_view context);

/// [<prefix>__policy]: an extension for each point at which the organization's calls are recorded. The recorder looks
/// for it when a call passes the point, so that a new policy reaches the calls in progress with the next reload.
std::string policy_context(const Plan& plan);

} // namespace pbx::dialplan

// The subroutines that start and end recordings. They stand once, for all organizations, in a file that is always
// deployed: a call in progress finds them even when its organization was removed.
#pragma once

#include "dialplan/policy.hpp"
#include "dialplan/render.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pbx::dialplan {

/// The text of recorder_file: contexts whose names begin with "pbx-recorder". `inactive` has the prefixes of the
/// organizations of which nothing may be recorded.
std::string recorder_text(const Machine& machine, const std::vector<std::string>& inactive = {});

/// Whether the name of `context`, in lower case, is reserved for those.
bool is_recorder_context(std::string_view context);

/// [<prefix>__account]: a subroutine that sets the account of a call. It exists while the organization is deployed.
std::string account_context(const Plan& plan);

/// [<prefix>__policy]: an extension for each point at which the organization's calls are recorded. The recorder looks
/// for it when a call passes the point, so that a new policy reaches the calls in progress with the next reload. The
/// extension "organization" is there while the organization itself is recorded, and "off-<point>" for a point that is
/// not. "channels-2" and "rate-16000" are there for an organization that wants that and a machine that can do it.
std::string policy_context(const Plan& plan, const Machine& machine);

/// The folder in the spool for recordings that pbx-stitch makes into legs.
inline constexpr const char* halves_folder = "halves";

} // namespace pbx::dialplan

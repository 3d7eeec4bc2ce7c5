// Whether the sounds exist that organizations play before they record.
#pragma once

#include "base/folder.hpp"
#include "dialplan/plan.hpp"
#include "dialplan/render.hpp"

#include <vector>

namespace pbx::deploy {

/// Warns of each organization's notice that is in no format in Asterisk's folder of sounds, which asterisk.conf in
/// `folder` may name, nor at its own path. There is no warning where this user cannot look. Throws Error as
/// read_sources().
void warn_of_missing_notices(const std::vector<const dialplan::Plan*>& plans, const dialplan::Machine& machine,
                             const Folder& folder);

} // namespace pbx::deploy

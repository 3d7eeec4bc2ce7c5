// The subroutine that finds the devices of a phone with which several may register (settings.max_contacts).
#pragma once

#include <string_view>

namespace pbx::dialplan {

/// Steps of [pbx-recorder].
std::string_view device_steps();

} // namespace pbx::dialplan

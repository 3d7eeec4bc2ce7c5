// The script of the player's page, which works without it as well.
#pragma once

#include <string_view>

namespace pbx::listening {

extern const std::string_view player_script;

} // namespace pbx::listening

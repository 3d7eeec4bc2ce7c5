// What a person sees in place of a player.
#pragma once

#include "listening/html.hpp"

#include <string_view>

namespace pbx::listening {

Page error_page(std::string_view title, std::string_view detail);

} // namespace pbx::listening

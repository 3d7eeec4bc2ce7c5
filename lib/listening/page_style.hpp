// The style of all pages.
#pragma once

#include <string_view>

namespace pbx::listening {

extern const std::string_view page_style;

} // namespace pbx::listening

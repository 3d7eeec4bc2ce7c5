// Differences between two texts, as diff -u prints them.
#pragma once

#include <string>
#include <string_view>

namespace pbx::dialplan {

/// Empty when the texts are equal. An empty `before` or `after` with `gone` as its name means that there is no such
/// file.
std::string unified_diff(std::string_view before, std::string_view after, std::string_view before_name,
                         std::string_view after_name);

} // namespace pbx::dialplan

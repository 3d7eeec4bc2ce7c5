// Asterisk's dial patterns, as main/pbx.c reads them.
#pragma once

#include <string_view>

namespace pbx::dialplan {

/// Whether the extension `pattern` matches `number`. Without a leading underscore it is the number itself; with one,
/// X is 0-9, Z 1-9, N 2-9, [1-35] one of a set, a final "." one or more characters and a final "!" any number of them.
bool pattern_takes(std::string_view pattern, std::string_view number);

} // namespace pbx::dialplan

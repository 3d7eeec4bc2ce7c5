// The calls that the command line names.
#pragma once

#include <string>
#include <vector>

namespace pbx::collect {

/// `arguments`, each once, with the lines of stdin in the place of "-"; there may be none. Blank lines are ignored.
/// Throws Error: usage for a line that is too long, and when there is no argument; io.
std::vector<std::string> read_wanted_calls(const std::vector<std::string>& arguments);

/// The only name of `arguments`, unchanged; empty when there is none. Throws Error (usage) when there are several.
std::string only_call(const std::vector<std::string>& arguments);

} // namespace pbx::collect

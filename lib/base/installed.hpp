// Where this copy of the suite was installed: a package, /usr/local and any other prefix all work.
#pragma once

#include <string>

namespace pbx {

/// A folder that came with the running program ("migrations", "sounds"): the one beside its bin folder, or else the one
/// that the build was configured for.
std::string installed_folder(const char* name);

/// The path of another tool of the suite: beside the running program, or in lib/pbx-recording-tools beside its folder.
/// Empty when it is in neither.
std::string installed_tool(const std::string& name);

/// The path of the program that this process runs; empty when it is not known.
std::string running_program();

} // namespace pbx

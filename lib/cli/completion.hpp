// Bash completion of a tool, from what its CLI11 application knows of itself, so that the two cannot drift apart.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace pbx::cli {

/// A script for /usr/share/bash-completion/completions: it needs nothing but bash itself. The build gets it from each
/// tool's --generate-completion, which is the build's alone and therefore not in --help.
std::string bash_completion(const CLI::App& app);

} // namespace pbx::cli

// Bash completion of a tool, generated from its CLI11 application, so that the two always agree.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace pbx::cli {

/// A script for /usr/share/bash-completion/completions: it needs nothing but bash itself. The build gets it from each
/// tool's --generate-completion, which is only for the build and therefore not in --help.
std::string bash_completion(const CLI::App& app);

} // namespace pbx::cli

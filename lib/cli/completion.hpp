// Completion of a tool for three shells, generated from its CLI11 application, so that they always agree.
#pragma once

#include <CLI/CLI.hpp>

#include <optional>
#include <string>

namespace pbx::cli {

/// The script for "bash", "zsh" or "fish"; nothing for another shell. It needs nothing but the shell itself, and
/// pbx-calls for values that the database knows. The build gets it from each tool's --generate-completion=SHELL, which
/// is only for the build and therefore not in --help.
std::optional<std::string> completion_script(const CLI::App& app, const std::string& shell);

} // namespace pbx::cli

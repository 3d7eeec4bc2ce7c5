// The form of --help.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace pbx::cli {

inline constexpr const char* settings_group = "Settings (see pbx.conf(5))";
inline constexpr const char* general_group = "General";

/// The tool's own options come first, then its settings, then what every tool has; no line has more than 80 columns.
class HelpFormatter : public CLI::Formatter {
  public:
    std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
    std::string make_option(const CLI::Option* option, bool is_positional) const override;
    std::string make_subcommand(const CLI::App* command) const override;

  private:
    std::string make_ordered_groups(const CLI::App* app) const;
};

/// The end of --help: commands as an operator types them.
std::string examples_text(const std::vector<std::string>& commands);

} // namespace pbx::cli

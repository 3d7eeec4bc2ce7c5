// Gives CLI11 the settings of pbx.conf, in our order of precedence.
#pragma once

#include "cli/config_file.hpp"

#include <CLI/CLI.hpp>

#include <array>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::cli {

inline constexpr const char* config_hint = "pbx.conf(5) lists the settings; put those of one tool into its section";

/// Each may have a section, which the other tools skip.
inline constexpr std::array known_tools{"pbx-archive",         "pbx-calls",     "pbx-check",  "pbx-dialplan-gen",
                                        "pbx-migrate",         "pbx-provision", "pbx-record", "pbx-recording-cgi",
                                        "pbx-recording-fetch", "pbx-stitch"};

/// CLI11 prefers the file to the environment, and treats sections as subcommands. This reader drops settings that the
/// environment decides or another tool owns, and moves the tool's own section to the top.
class ConfigReader : public CLI::ConfigTOML {
  public:
    /// All three must outlive it; the lines may still change.
    ConfigReader(const CLI::App& app, const std::vector<ConfigLine>& lines, const std::string& path)
        : app_{app}, lines_{lines}, path_{path} {}

    /// CLI11 opens the file again by its name, and that is ignored. Throws Error (config) for a section or a setting
    /// that no tool can have.
    std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;

  private:
    [[noreturn]] void fail(const ConfigLine& line, const std::string& fault, const std::string& hint) const;
    bool is_mine(const ConfigLine& line) const;

    const CLI::App& app_;
    const std::vector<ConfigLine>& lines_;
    const std::string& path_;
};

/// The environment variable whose value CLI11 complains about in `message`; empty when the value comes from elsewhere.
std::string find_faulty_variable(const CLI::App& app, int argc, const char* const* argv, std::string_view message);

/// The line of the file whose value CLI11 complains about in `message`; null when the value comes from elsewhere.
const ConfigLine* find_faulty_line(const CLI::App& app, const std::vector<ConfigLine>& lines, int argc,
                                   const char* const* argv, std::string_view message);

/// The long names of the application's own options, without dashes.
std::vector<std::string> option_names(const CLI::App& app);

/// `hint`, after a question whether the most similar of `known` was meant, if one is similar.
std::string with_suggestion(std::string_view given, const std::vector<std::string>& known, const std::string& hint);

} // namespace pbx::cli

#include "cli/config_reader.hpp"

#include "base/error.hpp"
#include "base/name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>

namespace pbx::cli {

namespace {

// Settings that may be at the top of pbx.conf; a tool ignores those for which it has no option.
constexpr std::array shared_settings{"database",  "spool",     "stitched",      "stitch-src",   "remote",    "rclone",
                                     "timeout",   "overlap",   "migrations",    "asterisk-dir", "metrics",   "node",
                                     "emergency", "reserve",   "keep-stitched", "bandwidth",    "transfers", "sounds",
                                     "link-key",  "link-base", "spool-layout"};

bool is_from_environment(const CLI::App& app, const std::string& name) {
    const auto* option = app.get_option_no_throw("--" + name);
    if (option == nullptr || option->get_envname().empty())
        return false;
    const char* value = std::getenv(option->get_envname().c_str());
    return value != nullptr && *value != '\0';
}

// A list in brackets is several values.
std::vector<std::string> inputs_of(const ConfigLine& line) {
    const auto& value = line.value;
    if (line.is_quoted || value.size() < 2 || value.front() != '[' || value.back() != ']')
        return {value};
    auto parts = CLI::detail::split_up(value.substr(1, value.size() - 2), ',');
    for (auto& part : parts)
        CLI::detail::remove_quotes(part);
    return parts;
}

// Whether the message is about this option, and the command line does not have the option.
bool is_about(std::string_view message, const std::string& name, int argc, const char* const* argv) {
    const auto flag = "--" + name;
    const auto is_flag = [&](std::string_view argument) {
        return argument == flag || argument.starts_with(flag + "=");
    };
    const auto at = message.find(flag);
    return at != std::string_view::npos && !message.substr(at + flag.size()).starts_with('-') &&
           std::none_of(argv + 1, argv + argc, is_flag);
}

bool is_for(const CLI::App& app, const ConfigLine& line) {
    return !line.is_section() && (line.section.empty() || line.section == app.get_name());
}

} // namespace

std::vector<std::string> option_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* option : app.get_options())
        for (const auto& name : option->get_lnames())
            names.push_back(name);
    return names;
}

std::string with_suggestion(std::string_view given, const std::vector<std::string>& known, const std::string& hint) {
    const auto suggestion = suggest(given, known);
    return suggestion.empty() ? hint : suggestion + " " + hint;
}

std::vector<CLI::ConfigItem> ConfigReader::from_config(std::istream& /*input*/) const {
    std::map<std::string, const ConfigLine*> mine; // the last line of a name counts, and the section before the top
    for (const auto& line : lines_)
        if (is_mine(line))
            if (auto& known = mine[line.name]; known == nullptr || known->section.empty() || !line.section.empty())
                known = &line;
    std::vector<CLI::ConfigItem> result;
    for (const auto& [name, line] : mine)
        if (!is_from_environment(app_, name))
            result.push_back({{}, name, inputs_of(*line)});
    return result;
}

void ConfigReader::fail(const ConfigLine& line, const std::string& fault, const std::string& hint) const {
    throw Error{Exit::config, fmt::format("{}:{}: {}", path_, line.number, fault), hint};
}

bool ConfigReader::is_mine(const ConfigLine& line) const {
    if (line.is_section() && std::find(known_tools.begin(), known_tools.end(), line.section) == known_tools.end())
        fail(line, "unknown section [" + shown(line.section) + "]",
             with_suggestion(line.section, {known_tools.begin(), known_tools.end()},
                             "a section has the name of a tool"));
    if (!is_for(app_, line))
        return false;
    if (const auto* option = app_.get_option_no_throw("--" + line.name)) {
        if (!option->get_configurable())
            fail(line, "\"" + line.name + "\" is for the command line only", config_hint);
        return true;
    }
    auto known = option_names(app_);
    if (line.section.empty()) {
        if (std::find(shared_settings.begin(), shared_settings.end(), line.name) != shared_settings.end())
            return false;
        known.insert(known.end(), shared_settings.begin(), shared_settings.end());
    }
    fail(line, "unknown setting \"" + shown(line.name) + "\"", with_suggestion(line.name, known, config_hint));
}

const ConfigLine* find_faulty_line(const CLI::App& app, const std::vector<ConfigLine>& lines, int argc,
                                   const char* const* argv, std::string_view message) {
    const ConfigLine* result = nullptr;
    for (const auto& line : lines) {
        if (!is_for(app, line) || is_from_environment(app, line.name) || !is_about(message, line.name, argc, argv))
            continue;
        if (result == nullptr || result->section.empty() || !line.section.empty())
            result = &line;
    }
    return result;
}

std::string find_faulty_variable(const CLI::App& app, int argc, const char* const* argv, std::string_view message) {
    for (const auto& name : option_names(app))
        if (is_from_environment(app, name) && is_about(message, name, argc, argv))
            return app.get_option("--" + name)->get_envname();
    return {};
}

} // namespace pbx::cli

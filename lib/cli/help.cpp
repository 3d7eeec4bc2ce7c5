// CLI11 prints groups in the order in which their first option was added, and does not break lines.
#include "cli/help.hpp"

#include "base/wrap.hpp"

#include <algorithm>
#include <utility>

namespace pbx::cli {

namespace {

constexpr std::size_t name_width = 30;
constexpr std::size_t line_width = 80;

std::string described(const std::string& name, const std::string& description) {
    auto line = "  " + name;
    if (line.size() + 2 > name_width)
        line += "\n" + std::string(name_width, ' ');
    else
        line.resize(name_width, ' ');
    return line + wrapped(description, name_width, line_width) + "\n";
}

std::vector<std::string> ordered_groups(const CLI::App* app) {
    auto groups = app->get_groups();
    const auto place = [](const std::string& group) {
        return group == general_group ? 2 : group == settings_group ? 1 : 0;
    };
    std::stable_sort(groups.begin(), groups.end(), [&](const auto& a, const auto& b) { return place(a) < place(b); });
    return groups;
}

} // namespace

// As CLI11's own, but for the groups.
std::string HelpFormatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
    if (mode == CLI::AppFormatMode::Sub)
        return CLI::Formatter::make_help(app, std::move(name), mode);
    return make_description(app) + make_usage(app, std::move(name)) + make_positionals(app) + make_ordered_groups(app) +
           make_subcommands(app, mode) + "\n" + make_footer(app);
}

std::string HelpFormatter::make_ordered_groups(const CLI::App* app) const {
    std::string text;
    for (const auto& group : ordered_groups(app)) {
        const auto options = app->get_options(
            [&](const CLI::Option* option) { return option->get_group() == group && option->nonpositional(); });
        if (!group.empty() && !options.empty())
            text += make_group(group, false, options);
    }
    return text;
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
    return described(make_option_name(option, is_positional) + make_option_opts(option), make_option_desc(option));
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
    return described(command->get_name(), command->get_description());
}

std::string examples_text(const std::vector<std::string>& commands) {
    std::string text = "Examples:\n";
    for (const auto& command : commands)
        text += "  " + command + "\n";
    return text;
}

} // namespace pbx::cli

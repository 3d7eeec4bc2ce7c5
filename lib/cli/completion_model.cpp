// The type of a value has the name of its kind: --org ORG, --since WHEN.
#include "cli/completion_model.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

namespace pbx::cli {

namespace {

// The scripts expand words like a shell, so they get only words of these characters.
bool is_plain(std::string_view word) {
    return !word.empty() &&
           word.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._+-") ==
               std::string_view::npos;
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kinds{
    {{"FILE", "FILE"},
     {"DIR", "DIR"},
     {"PROGRAM", "PROGRAM"},
     {"ORG", "@organizations"},
     {"CODE", "@accounts"},
     {"CALL", "@calls"},
     {"LINKEDID", "@calls"},
     {"NUMBER", "@numbers"},
     {"EXTENSION", "@extensions"},
     {"WHEN", "=now today yesterday 1h 25h 7d 1w"},
     {"DIRECTION", "=inbound outbound internal"},
     {"DISPOSITION", "=answered no-answer busy failed congestion"},
     {"COLUMNS", ",linkedid start from to direction duration talk_time disposition legs dialled answered_by waited "
                 "organization accountcode consent"}}};

ValueKind kind_of_type(std::string_view type) {
    for (const auto& [name, kind] : kinds)
        if (type == name || type.ends_with(":" + std::string{name}))
            return std::string{kind};
    return {};
}

ValueKind choice_in(const std::string& type) {
    const auto open = type.rfind('{');
    const auto close = type.rfind('}');
    if (open == std::string::npos || close == std::string::npos || open > close)
        return {};
    std::string words;
    for (const auto& word : CLI::detail::split(type.substr(open + 1, close - open - 1), ','))
        if (is_plain(word))
            words += (words.empty() ? "=" : " ") + word;
    return words;
}

ValueKind kind_of(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    if (auto choice = choice_in(type); !choice.empty())
        return choice;
    return kind_of_type(type);
}

ValueKind kind_of_operand(const CLI::Option& option) {
    auto kind = kind_of_type(option.get_name(true));
    return kind.empty() ? kind_of(option) : kind;
}

// Includes the options of groups, which CLI11 keeps in subcommands without a name.
std::vector<const CLI::Option*> options_of(const CLI::App& app) {
    auto result = app.get_options([](const CLI::Option* option) { return !option->get_group().empty(); });
    for (const auto* group : app.get_subcommands([](const CLI::App* each) { return each->get_name().empty(); }))
        for (const auto* option : options_of(*group))
            result.push_back(option);
    return result;
}

CompletedOption completed(const CLI::Option& option, std::set<std::string>& known) {
    CompletedOption result{{}, option.get_description(), option.get_items_expected_max() > 0, kind_of(option)};
    const auto add = [&](const std::string& name) {
        if (is_plain(name) && known.insert(name).second)
            result.names.push_back(name);
    };
    for (const auto& name : option.get_lnames())
        add("--" + name);
    for (const auto& name : option.get_snames())
        add("-" + name);
    return result;
}

void add(std::vector<CompletedCommand>& model, const CLI::App& app, const std::string& path,
         std::vector<const CLI::Option*> inherited) {
    for (const auto* option : options_of(app))
        inherited.push_back(option);
    CompletedCommand command{path, app.get_description(), {}, {}, {}};
    std::set<std::string> known;
    for (const auto* option : inherited)
        if (auto each = completed(*option, known); !each.names.empty())
            command.options.push_back(std::move(each));
    for (const auto* option : app.get_options([](const CLI::Option* each) { return each->get_positional(); }))
        if (command.operand.empty())
            command.operand = kind_of_operand(*option);
    const auto below = app.get_subcommands(
        [](const CLI::App* each) { return is_plain(each->get_name()) && !each->get_group().empty(); });
    for (const auto* each : below)
        command.commands.push_back(each->get_name());
    model.push_back(std::move(command));
    for (const auto* each : below)
        add(model, *each, path + " " + each->get_name(), inherited);
}

} // namespace

std::vector<CompletedCommand> completion_model(const CLI::App& app) {
    std::vector<CompletedCommand> model;
    add(model, app, app.get_name(), {});
    return model;
}

} // namespace pbx::cli

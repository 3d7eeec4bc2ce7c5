// Walks the application and its subcommands; the scripts of the tools differ only in four tables.
#include "cli/completion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace pbx::cli {

namespace {

// compgen -W expands its words like a shell, so it gets only words of these characters.
bool is_plain(std::string_view word) {
    return !word.empty() &&
           word.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._+-") ==
               std::string_view::npos;
}

// The kind of an option's value: FILE, DIR, PROGRAM, "=WORD WORD" for a choice, or empty when unknown.
std::string kind_of(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    const auto open = type.rfind('{');
    const auto close = type.rfind('}');
    if (open != std::string::npos && close != std::string::npos && open < close) {
        std::string words;
        for (const auto& word : CLI::detail::split(type.substr(open + 1, close - open - 1), ','))
            if (is_plain(word))
                words += (words.empty() ? "=" : " ") + word;
        return words;
    }
    for (const char* known : {"FILE", "DIR", "PROGRAM"})
        if (type == known || type.ends_with(std::string{":"} + known))
            return known;
    return {};
}

struct Tables {
    std::string commands;
    std::string options;
    std::string values;
    std::string operands;
};

// Includes the options of groups, which CLI11 keeps in subcommands without a name.
std::vector<const CLI::Option*> options_of(const CLI::App& app) {
    auto result = app.get_options([](const CLI::Option* option) { return !option->get_group().empty(); });
    for (const auto* group : app.get_subcommands([](const CLI::App* each) { return each->get_name().empty(); }))
        for (const auto* option : options_of(*group))
            result.push_back(option);
    return result;
}

void add(Tables& tables, const CLI::App& app, const std::string& path, std::vector<const CLI::Option*> inherited) {
    for (const auto* option : options_of(app))
        inherited.push_back(option);
    std::vector<std::string> names;
    for (const auto* option : inherited) {
        std::vector<std::string> own;
        for (const auto& name : option->get_lnames())
            own.push_back("--" + name);
        for (const auto& name : option->get_snames())
            own.push_back("-" + name);
        for (const auto& name : own) {
            if (!is_plain(name) || std::find(names.begin(), names.end(), name) != names.end())
                continue;
            names.push_back(name);
            if (option->get_items_expected_max() > 0)
                tables.values += fmt::format("        ['{} {}']='{}'\n", path, name, kind_of(*option));
        }
    }
    tables.options += fmt::format("        ['{}']='{}'\n", path, fmt::join(names, " "));

    std::vector<std::string> commands;
    for (const auto* command : app.get_subcommands([](const CLI::App* each) { return is_plain(each->get_name()); })) {
        if (command->get_group().empty())
            continue;
        commands.push_back(command->get_name());
        add(tables, *command, path + " " + command->get_name(), inherited);
    }
    tables.commands += fmt::format("        ['{}']='{}'\n", path, fmt::join(commands, " "));

    for (const auto* option : app.get_options([](const CLI::Option* each) { return each->get_positional(); })) {
        if (const auto kind = kind_of(*option); !kind.empty()) {
            tables.operands += fmt::format("        ['{}']='{}'\n", path, kind);
            break;
        }
    }
}

constexpr const char* script = R"(# Completion of {tool} for bash, written by the build from the tool's own options.

{function}() {{
    # Per command: its subcommands, its options, the kind of its operands; per option: the kind of its value.
    local -A commands=(
{commands}    )
    local -A options=(
{options}    )
    local -A operands=(
{operands}    )
    local -A values=(
{values}    )
    local current=${{COMP_WORDS[COMP_CWORD]}} command={tool} option= place=1 kind= words= word
    while ((place < COMP_CWORD)); do
        word=${{COMP_WORDS[place]}}
        if [[ -n ${{values["$command $word"]+set}} ]]; then
            # Bash splits --option=value into three words.
            [[ ${{COMP_WORDS[place + 1]}} == = ]] && ((++place))
            if ((place + 1 >= COMP_CWORD)); then
                option=$word
                break
            fi
            ((place += 2))
        else
            [[ -n $word && " ${{commands[$command]}} " == *" $word "* ]] && command+=" $word"
            ((++place))
        fi
    done
    [[ $current == = ]] && current=

    if [[ -n $option ]]; then
        kind=${{values["$command $option"]}}
    elif [[ $current == -* ]]; then
        words=${{options[$command]}}
    elif [[ -n ${{commands[$command]}} ]]; then
        words=${{commands[$command]}}
    else
        kind=${{operands[$command]-}}
    fi
    COMPREPLY=()
    case $kind in
        FILE) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
        DIR) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
        PROGRAM) mapfile -t COMPREPLY < <(compgen -c -- "$current") ;;
        =*) words=${{kind#=}} ;;
    esac
    [[ -z $words ]] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}

complete -F {function} {tool}
)";

} // namespace

std::string bash_completion(const CLI::App& app) {
    Tables tables;
    add(tables, app, app.get_name(), {});
    std::string function = "_" + app.get_name();
    std::replace(function.begin(), function.end(), '-', '_');
    return fmt::format(fmt::runtime(script), fmt::arg("tool", app.get_name()), fmt::arg("function", function),
                       fmt::arg("commands", tables.commands), fmt::arg("options", tables.options),
                       fmt::arg("operands", tables.operands), fmt::arg("values", tables.values));
}

} // namespace pbx::cli

// The scripts of bash and zsh walk the words in front of the cursor with the same four tables; fish has a line for each
// option.
#include "cli/completion.hpp"

#include "cli/completion_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace pbx::cli {

namespace {

using Model = std::vector<CompletedCommand>;

// "_pbx_calls"
std::string function_name(const std::string& tool) {
    auto name = "_" + tool;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

// --- bash and zsh

struct Tables {
    std::string commands, options, values, operands;
};

// One entry of an associative array: "['key']='value'" in bash, "'key' 'value'" in zsh.
std::string entry(bool zsh, std::string_view key, std::string_view value) {
    return zsh ? fmt::format("        '{}' '{}'\n", key, value) : fmt::format("        ['{}']='{}'\n", key, value);
}

Tables tables_of(const Model& model, bool zsh) {
    Tables tables;
    for (const auto& command : model) {
        std::vector<std::string> names;
        for (const auto& option : command.options)
            for (const auto& name : option.names) {
                names.push_back(name);
                if (option.takes_value)
                    tables.values += entry(zsh, command.path + " " + name, option.kind);
            }
        tables.commands += entry(zsh, command.path, fmt::format("{}", fmt::join(command.commands, " ")));
        tables.options += entry(zsh, command.path, fmt::format("{}", fmt::join(names, " ")));
        if (!command.operand.empty())
            tables.operands += entry(zsh, command.path, command.operand);
    }
    return tables;
}

constexpr const char* bash_script =
    R"script(# Completion of {tool} for bash, written by the build from the tool's own options.

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
        ,*)
            word=${{current##*,}}
            mapfile -t COMPREPLY < <(compgen -P "${{current%"$word"}}" -W "${{kind#,}}" -- "$word") ;;
        @*)
            while IFS= read -r word; do
                [[ $word == "$current"* ]] && COMPREPLY+=("$(printf %q "$word")")
            done < <(pbx-calls --complete-values "${{kind#@}}" 2>/dev/null) ;;
    esac
    [[ -z $words ]] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}

complete -F {function} {tool}
)script";

constexpr const char* zsh_script =
    R"script(#compdef {tool}
# Completion of {tool} for zsh, written by the build from the tool's own options.

{function}() {{
    # Per command: its subcommands, its options, the kind of its operands; per option: the kind of its value.
    local -A commands options operands values
    commands=(
{commands}    )
    options=(
{options}    )
    operands=(
{operands}    )
    values=(
{values}    )
    local command={tool} option= kind= word
    local -i place=2
    while (( place < CURRENT )); do
        word=${{words[place]}}
        if [[ -n $word ]] && (( ${{+values[$command $word]}} )); then
            if (( place + 1 >= CURRENT )); then
                option=$word
                break
            fi
            (( place += 2 ))
        else
            [[ -n $word && " ${{commands[$command]}} " == *" $word "* ]] && command+=" $word"
            (( ++place ))
        fi
    done
    word=${{PREFIX%%=*}}
    if [[ -z $option && $PREFIX == --*=* ]] && (( ${{+values[$command $word]}} )); then
        option=$word
        compset -P '*='
    fi

    if [[ -n $option ]]; then
        kind=${{values[$command $option]}}
    elif [[ $PREFIX == -* ]]; then
        compadd -- ${{=options[$command]}}
        return
    elif [[ -n ${{commands[$command]}} ]]; then
        compadd -- ${{=commands[$command]}}
        return
    else
        kind=${{operands[$command]}}
    fi
    case $kind in
        FILE) _files ;;
        DIR) _files -/ ;;
        PROGRAM) _command_names -e ;;
        '='*) compadd -- ${{=kind#=}} ;;
        ','*)
            compset -P '*,'
            compadd -- ${{=kind#,}} ;;
        '@'*) compadd -- ${{(f)"$(pbx-calls --complete-values ${{kind#@}} 2>/dev/null)"}} ;;
    esac
}}

{function} "$@"
)script";

std::string with_tables(const char* script, const std::string& tool, const Tables& tables) {
    return fmt::format(fmt::runtime(script), fmt::arg("tool", tool), fmt::arg("function", function_name(tool)),
                       fmt::arg("commands", tables.commands), fmt::arg("options", tables.options),
                       fmt::arg("operands", tables.operands), fmt::arg("values", tables.values));
}

// --- fish

// The first argument of the condition is the command that the words in front of the cursor are of.
constexpr const char* fish_condition =
    R"script(# Completion of {tool} for fish, written by the build from the tool's own options.

function _{function}_is_at
    set -l commands {commands}
    set -l with_value {with_value}
    set -l command {tool}
    set -l before ''
    for word in (commandline -opc)[2..-1]
        if not contains -- $before $with_value; and contains -- "$command $word" $commands
            set command "$command $word"
        end
        set before $word
    end
    test "$command" = "$argv"
end

complete -c {tool} -f
)script";

std::string in_quotes(std::string_view text) {
    std::string result = "'";
    for (const char c : text) {
        if (c == '\\' || c == '\'')
            result += '\\';
        result += c;
    }
    return result + "'";
}

std::string fish_values(const ValueKind& kind) {
    if (kind == "FILE")
        return " -F";
    if (kind == "DIR")
        return " -a '(__fish_complete_directories)'";
    if (kind == "PROGRAM")
        return " -a '(__fish_complete_command)'";
    if (kind.starts_with('='))
        return " -a " + in_quotes(kind.substr(1));
    if (kind.starts_with(','))
        return " -a " + in_quotes("(__fish_complete_list , \"string join \\n " + kind.substr(1) + "\")");
    if (kind.starts_with('@'))
        return " -a '(pbx-calls --complete-values " + kind.substr(1) + " 2>/dev/null)'";
    return {};
}

std::string fish_option(const CompletedOption& option) {
    std::string line;
    for (const auto& name : option.names)
        line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    line += " -d " + in_quotes(option.description);
    const auto* value = option.kind == "FILE" ? " -r" : " -x"; // -x offers no files
    return option.takes_value ? line + value + fish_values(option.kind) : line;
}

std::string fish_script(const Model& model, const std::string& tool) {
    std::string paths;
    std::string with_value;
    std::string lines;
    for (const auto& command : model) {
        paths += " " + in_quotes(command.path);
        const auto begin = fmt::format("complete -c {} -n \"_{}_is_at {}\"", tool, function_name(tool), command.path);
        for (const auto& each : model)
            if (each.path.starts_with(command.path + " ") &&
                each.path.find(' ', command.path.size() + 1) == std::string::npos)
                lines += fmt::format("{} -a {} -d {}\n", begin, each.path.substr(command.path.size() + 1),
                                     in_quotes(each.description));
        for (const auto& option : command.options) {
            lines += begin + fish_option(option) + "\n";
            if (option.takes_value && command.path == tool)
                with_value += fmt::format(" {}", fmt::join(option.names, " "));
        }
        if (!command.operand.empty())
            lines += begin + fish_values(command.operand) + "\n";
    }
    return fmt::format(fmt::runtime(fish_condition), fmt::arg("tool", tool), fmt::arg("function", function_name(tool)),
                       fmt::arg("commands", paths), fmt::arg("with_value", with_value)) +
           lines;
}

} // namespace

std::optional<std::string> completion_script(const CLI::App& app, const std::string& shell) {
    const auto model = completion_model(app);
    const auto& tool = app.get_name();
    if (shell == "bash")
        return with_tables(bash_script, tool, tables_of(model, false));
    if (shell == "zsh")
        return with_tables(zsh_script, tool, tables_of(model, true));
    if (shell == "fish")
        return fish_script(model, tool);
    return std::nullopt;
}

} // namespace pbx::cli

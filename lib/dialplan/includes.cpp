// Only lines that include organizations' files are changed.
#include "dialplan/includes.hpp"

#include "dialplan/conf_lines.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

namespace pbx::dialplan {

namespace {

constexpr std::string_view extension = ".conf";

// The file that a line of code includes, as it is written; empty for other lines.
std::string included(const std::string& code) {
    auto directive = directive_of(code);
    return directive.word == "include" || directive.word == "tryinclude" ? std::move(directive.value) : std::string{};
}

// The name of a file in `folder`; empty for a file elsewhere.
std::string_view within(std::string_view name, std::string_view folder) {
    while (folder.size() > 1 && folder.back() == '/')
        folder.remove_suffix(1);
    if (name.starts_with(folder) && name.substr(folder.size()).starts_with('/'))
        name.remove_prefix(folder.size());
    else if (name.starts_with('/'))
        return {};
    else if (name.starts_with("./"))
        name.remove_prefix(1);
    while (name.starts_with('/'))
        name.remove_prefix(1);
    return name.find('/') == std::string_view::npos ? name : std::string_view{};
}

} // namespace

std::string_view prefix_of_file(std::string_view name) {
    for (const auto& type : file_types) {
        const std::string_view begin{type.name_begin};
        if (!name.starts_with(begin) || !name.ends_with(extension) || name.size() <= begin.size() + extension.size())
            continue;
        name.remove_prefix(begin.size());
        name.remove_suffix(extension.size());
        return name;
    }
    return {};
}

bool is_deployed_name(std::string_view name) {
    return name == recorder_file || !prefix_of_file(name).empty();
}

std::string main_file_of(std::string_view name) {
    if (name == recorder_file)
        return extension_files.main_file;
    for (const auto& type : file_types)
        if (name.starts_with(type.name_begin))
            return type.main_file;
    return std::string{name};
}

std::string maintain_includes(std::string_view main, std::string_view folder, const std::vector<std::string>& wanted,
                              const std::function<bool(const std::string& file)>& stale) {
    std::string kept;
    kept.reserve(main.size());
    std::vector<std::string> live; // names and patterns of names that the kept lines include
    int open = 0;                  // block comments
    std::size_t comment_begin = 0; // the position in `kept` of the line that opened the block comment
    const bool crlf = main.find('\n') != std::string_view::npos && main.substr(0, main.find('\n')).ends_with('\r');
    for_each_conf_line(main, [&](const ConfLine& line) {
        open = line.after;
        if (line.after != 0 && line.before == 0)
            comment_begin = kept.size();
        const auto name = included(line.code);
        const std::string file{within(name, folder)};
        // A line on which a block comment begins or ends is not only an include.
        if (!prefix_of_file(file).empty() && file.find_first_of("*?[") == std::string::npos &&
            line.after == line.before && stale(file))
            return;
        if (!file.empty())
            live.push_back(file);
        kept += line.text;
    });
    std::vector<std::string> missing;
    for (const auto& file : wanted)
        if (std::none_of(live.begin(), live.end(),
                         [&](const std::string& pattern) { return ::fnmatch(pattern.c_str(), file.c_str(), 0) == 0; }))
            missing.push_back(file);
    if (missing.empty())
        return kept;
    const std::string line_end = crlf ? "\r\n" : "\n";
    std::string added;
    for (const auto& file : missing)
        added += fmt::format("#tryinclude \"{}\"{}", file, line_end);
    // A line after an unclosed block comment would not be read.
    if (open != 0)
        return kept.insert(comment_begin, added);
    if (!kept.empty() && kept.back() != '\n') {
        added.erase(added.size() - line_end.size());
        added.insert(0, line_end);
    }
    return kept + added;
}

} // namespace pbx::dialplan

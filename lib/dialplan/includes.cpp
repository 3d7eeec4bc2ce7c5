// Reads a main file as Asterisk's own reader does (main/config.c): directives stand at the begin of a line and know no
// case, names may be quoted, ';' begins a comment, and ;-- begins one that lasts until --;.
#include "dialplan/includes.hpp"

#include "dialplan/text.hpp"

#include <fmt/format.h>
#include <fnmatch.h>
#include <strings.h>

#include <algorithm>

namespace pbx::dialplan {

namespace {

constexpr std::string_view extension = ".conf";

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ')
        text.remove_prefix(1);
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ')
        text.remove_suffix(1);
    return text;
}

// The line without what is comment; `inside` tells, before and after, whether a block comment is open.
std::string code_of(std::string_view line, bool& inside) {
    std::string code;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (inside) {
            if (line.compare(i, 3, "--;") == 0) {
                inside = false;
                i += 2;
            }
        } else if (line[i] == ';' && i > 0 && line[i - 1] == '\\') {
            code.back() = ';';
        } else if (line[i] == ';') {
            if (line.compare(i, 3, ";--") != 0 || line.compare(i, 4, ";---") == 0)
                break;
            inside = true;
            i += 2;
        } else {
            code += line[i];
        }
    }
    return code;
}

// The file that a line of code includes, as it is written; empty when it is no such line.
std::string_view included(std::string_view code) {
    code = trimmed(code);
    if (code.empty() || code.front() != '#')
        return {};
    code.remove_prefix(1);
    std::size_t length = 0;
    while (length < code.size() && static_cast<unsigned char>(code[length]) > ' ')
        ++length;
    const std::string word{code.substr(0, length)};
    if (::strcasecmp(word.c_str(), "include") != 0 && ::strcasecmp(word.c_str(), "tryinclude") != 0)
        return {};
    auto name = trimmed(code.substr(word.size()));
    for (const std::string_view quotes : {"\"\"", "<>", "''"})
        if (name.size() >= 2 && name.front() == quotes[0] && name.back() == quotes[1])
            return name.substr(1, name.size() - 2);
    return name;
}

// The name within `folder`, or nothing for a file elsewhere.
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
    for (const auto& kind : kinds) {
        const std::string_view begin{kind.begin};
        if (!name.starts_with(begin) || !name.ends_with(extension) || name.size() <= begin.size() + extension.size())
            continue;
        name.remove_prefix(begin.size());
        name.remove_suffix(extension.size());
        return name;
    }
    return {};
}

std::string main_file_of(std::string_view name) {
    for (const auto& kind : kinds)
        if (name.starts_with(kind.begin))
            return kind.main_file;
    return std::string{name};
}

std::string maintain_includes(std::string_view main, std::string_view folder, const std::vector<std::string>& wanted,
                              const std::function<bool(const std::string& file)>& stale) {
    std::string kept;
    kept.reserve(main.size());
    std::vector<std::string> live; // names and patterns of names that the kept lines include
    bool inside = false;
    std::size_t comment_begin = 0; // where in `kept` the line stands that opened the block comment
    const bool crlf = main.find('\n') != std::string_view::npos && main.substr(0, main.find('\n')).ends_with('\r');
    while (!main.empty()) {
        const auto length = std::min(main.find('\n'), main.size() - 1) + 1;
        const auto line = main.substr(0, length);
        main.remove_prefix(length);
        const bool was_inside = inside;
        const auto code = code_of(line, inside);
        if (inside && !was_inside)
            comment_begin = kept.size();
        const std::string file{within(included(code), folder)};
        // A line on which a block comment begins or ends is more than an include.
        if (!prefix_of_file(file).empty() && file.find_first_of("*?[") == std::string::npos && inside == was_inside &&
            stale(file))
            continue;
        if (!file.empty())
            live.push_back(file);
        kept += line;
    }
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
    // Behind a block comment that nobody closed, a line would not be read.
    if (inside)
        return kept.insert(comment_begin, added);
    if (!kept.empty() && kept.back() != '\n') {
        added.erase(added.size() - line_end.size());
        added.insert(0, line_end);
    }
    return kept + added;
}

} // namespace pbx::dialplan

// Directives stand at the beginning of a line, in any case, and names may be quoted. ';' begins a comment unless a
// backslash precedes it, and ;-- begins one that ends at --; and may contain others.
#include "dialplan/conf_lines.hpp"

#include <algorithm>

namespace pbx::dialplan {

namespace {

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ')
        text.remove_prefix(1);
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ')
        text.remove_suffix(1);
    return text;
}

std::string code_of(std::string_view line, int& open) {
    std::string code;
    std::size_t begin = 0; // the end of the last comment mark
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] != ';') {
            if (open == 0)
                code += line[i];
        } else if (i > begin && line[i - 1] == '\\') {
            if (open == 0)
                code.back() = ';';
            begin = i + 1;
        } else if (line.compare(i, 3, ";--") == 0 && line.compare(i, 4, ";---") != 0) {
            ++open;
            i += 2;
            begin = i + 1;
        } else if (i >= begin + 2 && line[i - 1] == '-' && line[i - 2] == '-') {
            --open;
            begin = i + 1;
        } else if (open == 0) {
            break;
        } else {
            begin = i + 1;
        }
    }
    return code;
}

} // namespace

void for_each_conf_line(std::string_view text, const std::function<void(const ConfLine&)>& each) {
    int open = 0;
    while (!text.empty()) {
        const auto length = std::min(text.find('\n'), text.size() - 1) + 1;
        const int before = open;
        const auto code = code_of(text.substr(0, length), open);
        each({text.substr(0, length), std::string{trimmed(code)}, before, open});
        text.remove_prefix(length);
    }
}

Directive directive_of(std::string_view code) {
    if (!code.starts_with('#'))
        return {};
    code.remove_prefix(1);
    std::size_t length = 0;
    while (length < code.size() && static_cast<unsigned char>(code[length]) > ' ')
        ++length;
    auto value = trimmed(code.substr(length));
    for (const std::string_view quotes : {"\"\"", "<>", "''"})
        if (value.size() >= 2 && value.front() == quotes[0] && value.back() == quotes[1]) {
            value = value.substr(1, value.size() - 2);
            break;
        }
    return {lower(code.substr(0, length)), std::string{value}};
}

Section section_of(std::string_view code) {
    const auto end = code.find(']');
    if (!code.starts_with('[') || end == std::string_view::npos)
        return {};
    Section section;
    section.name = code.substr(1, end - 1);
    auto options = code.substr(end + 1);
    if (options.starts_with('('))
        for (options = options.substr(1, options.find(')') - 1); !options.empty();) {
            const auto length = std::min(options.find(','), options.size());
            const auto option = trimmed(options.substr(0, length));
            if (option.starts_with('+'))
                section.adds = true;
            else if (option != "!" && !option.empty())
                section.bases.emplace_back(option);
            options.remove_prefix(std::min(length + 1, options.size()));
        }
    return section;
}

Setting setting_of(std::string_view code) {
    const auto equals = code.find('=');
    if (equals == std::string_view::npos || code.starts_with('[') || code.starts_with('#'))
        return {};
    auto value = code.substr(equals + 1);
    if (value.starts_with('>'))
        value.remove_prefix(1);
    return {lower(trimmed(code.substr(0, equals))), std::string{trimmed(value)}};
}

std::string lower(std::string_view text) {
    std::string result{text};
    for (char& c : result)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return result;
}

} // namespace pbx::dialplan

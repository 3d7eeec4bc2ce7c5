// Escapes follow Asterisk's parser of configuration files (main/config.c): a semicolon begins a comment unless a
// backslash precedes it, blanks around a value are removed, and '#' has a meaning only at the beginning of a line.
#include "dialplan/text.hpp"

#include "base/name.hpp"
#include "base/printable.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

namespace pbx::dialplan {

namespace {

constexpr std::size_t longest_value = 256;
constexpr std::size_t longest_shown = 60;

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

bool among(char c, std::string_view allowed) {
    for (std::size_t i = 0; i < allowed.size(); ++i) {
        if (i + 2 < allowed.size() && allowed[i + 1] == '-') {
            if (c >= allowed[i] && c <= allowed[i + 2])
                return true;
            i += 2;
        } else if (c == allowed[i]) {
            return true;
        }
    }
    return false;
}

} // namespace

bool consists_of(std::string_view text, std::string_view allowed, std::size_t most) {
    return !text.empty() && text.size() <= most &&
           std::all_of(text.begin(), text.end(), [&](char c) { return among(c, allowed); });
}

std::string_view value_fault(std::string_view text) {
    if (text.find_first_of("\r\n") != std::string_view::npos)
        return "it has a line break";
    if (std::any_of(text.begin(), text.end(), is_control))
        return "it has a control character";
    if (text.size() > longest_value)
        return "it is longer than 256 bytes";
    if (!is_utf8(text))
        return "it is not UTF-8";
    if (!text.empty() && (text.front() == ' ' || text.back() == ' '))
        return "it begins or ends with a blank";
    return {};
}

std::string escaped_value(std::string_view text) {
    // "key=>value" is another way to write "key=value".
    std::string result = text.starts_with('>') ? " " : "";
    for (const char c : text) {
        if (c == ';')
            result += '\\';
        result += c;
    }
    return result;
}

std::string quoted_value(std::string_view text) {
    std::string quoted;
    for (const char c : text) {
        if (c == '"' || c == '\\')
            quoted += '\\';
        quoted += c;
    }
    return '"' + escaped_value(quoted) + '"';
}

std::string pattern_of(const std::vector<std::string>& numbers) {
    return numbers.empty() ? "none" : fmt::format("{}", fmt::join(numbers, "|"));
}

std::string harmless(std::string_view text) {
    return printable(text, longest_shown);
}

std::string fill(std::string_view pattern, std::initializer_list<std::pair<char, std::string_view>> values) {
    std::string result;
    result.reserve(pattern.size() + 64);
    for (;;) {
        const auto mark = pattern.find('~');
        result += pattern.substr(0, mark);
        if (mark == std::string_view::npos)
            return result;
        const auto* value = std::find_if(values.begin(), values.end(), [&](const auto& each) {
            return mark + 1 < pattern.size() && each.first == pattern[mark + 1];
        });
        if (value == values.end())
            throw std::logic_error{"no text for a mark in: " + std::string{pattern}};
        result += value->second;
        pattern.remove_prefix(mark + 2);
    }
}

} // namespace pbx::dialplan

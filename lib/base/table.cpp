// One row at a time, so that a list of a million calls needs no more memory than one of ten.
#include "base/table.hpp"

#include "base/name.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <utility>

namespace pbx {

namespace {

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

// At most so many characters, the last a "~" where something was cut off.
std::string cut(const std::string& text, std::size_t most) {
    if (characters(text) <= most)
        return text;
    std::size_t bytes = 0;
    for (std::size_t seen = 0; bytes < text.size(); ++bytes)
        if ((static_cast<unsigned char>(text[bytes]) & 0xc0U) != 0x80 && ++seen == most)
            break;
    return text.substr(0, bytes) + "~";
}

std::size_t terminal_width() {
    winsize size{};
    constexpr std::size_t standard = 80;
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : standard;
}

std::string csv_cell(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos)
        return text;
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"')
            result += '"';
        result += c;
    }
    return result + '"';
}

std::string joined(const std::vector<std::string>& cells, char between) {
    std::string line;
    for (const auto& cell : cells) {
        if (&cell != &cells.front())
            line += between;
        line += cell;
    }
    return line;
}

struct Character {
    std::size_t length = 0; ///< 0: no UTF-8 begins here
    std::uint32_t code = 0;
};

Character first_character(std::string_view text) {
    const auto first = static_cast<unsigned char>(text.front());
    if (first < 0x80)
        return {1, first};
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (!is_utf8(text.substr(0, length)))
        return {};
    std::uint32_t code = first & (0x7fU >> length);
    for (std::size_t i = 1; i < length; ++i)
        code = (code << 6U) | (static_cast<unsigned char>(text[i]) & 0x3fU);
    return {length, code};
}

// Control characters, line and paragraph separators, and marks that turn the direction of text.
bool is_harmless(std::uint32_t code) {
    const auto within = [&](std::uint32_t first, std::uint32_t last) { return code >= first && code <= last; };
    return !(code < 0x20 || within(0x7f, 0x9f) || within(0x200e, 0x200f) || within(0x2028, 0x202e) ||
             within(0x2066, 0x2069) || code == 0x061c);
}

} // namespace

std::string printable(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const auto [length, code] = first_character(text);
        if (length > 0 && is_harmless(code)) {
            result += text.substr(0, length);
            text.remove_prefix(length);
        } else {
            result += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
            text.remove_prefix(1);
        }
    }
    return result;
}

Table::Table(std::vector<Column> columns, Form form)
    : columns_{std::move(columns)}, form_{form}, terminal_{form == Form::automatic && ::isatty(STDOUT_FILENO) == 1} {
    std::size_t used = 0;
    const auto width = terminal_ ? terminal_width() : 0;
    for (const auto& column : columns_) {
        used += column.width + (fitting_ > 0 ? 2 : 0);
        if (used > width && fitting_ > 0)
            break;
        ++fitting_;
    }
    if (form_ == Form::csv)
        print_csv(heading());
}

void Table::print_padded(const std::vector<std::string>& cells) const {
    std::string line;
    for (std::size_t i = 0; i < fitting_; ++i) {
        const auto& column = columns_[i];
        // What an operator copies into the next command is never cut.
        const auto cell = i == 0 ? cells[i] : cut(cells[i], column.width);
        const auto length = characters(cell);
        const std::string padding(column.width > length ? column.width - length : 0, ' ');
        line += (i > 0 ? "  " : "") + (column.right ? padding + cell : cell + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
}

void Table::row(const std::vector<std::string>& cells) {
    std::vector<std::string> clean;
    clean.reserve(cells.size());
    for (const auto& cell : cells)
        clean.push_back(printable(cell));
    if (form_ == Form::csv) {
        print_csv(std::move(clean));
    } else if (terminal_) {
        if (!std::exchange(begun_, true))
            print_padded(heading());
        print_padded(clean);
    } else {
        fmt::print("{}\n", joined(clean, '\t'));
    }
}

std::vector<std::string> Table::heading() const {
    std::vector<std::string> names;
    names.reserve(columns_.size());
    for (const auto& column : columns_)
        names.push_back(column.name);
    return names;
}

void Table::print_csv(std::vector<std::string> cells) {
    for (auto& cell : cells)
        cell = csv_cell(cell);
    fmt::print("{}\r\n", joined(cells, ','));
}

} // namespace pbx

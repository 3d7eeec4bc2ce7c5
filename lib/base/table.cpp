// Prints one row at a time, so that a list of a million calls needs no more memory than one of ten.
#include "base/table.hpp"

#include "base/output.hpp"
#include "base/printable.hpp"
#include "base/terminal.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

namespace pbx {

namespace {

constexpr std::array<std::string_view, 8> formula_beginnings{"=",      "+",      "-",      "@",
                                                             "\uff1d", "\uff0b", "\uff0d", "\uff20"};

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

// At most `most` characters; the last is "~" if the text was cut.
std::string cut(const std::string& text, std::size_t most) {
    if (characters(text) <= most)
        return text;
    std::size_t bytes = 0;
    for (std::size_t seen = 0; bytes < text.size(); ++bytes)
        if ((static_cast<unsigned char>(text[bytes]) & 0xc0U) != 0x80 && ++seen == most)
            break;
    return text.substr(0, bytes) + "~";
}

// What spreadsheets treat as a formula; some accept East Asian full-width forms too. Some skip leading tabs and line
// breaks, but those are already escaped.
bool is_formula(std::string_view text) {
    return std::any_of(formula_beginnings.begin(), formula_beginnings.end(),
                       [&](std::string_view begin) { return text.starts_with(begin); });
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

} // namespace

Table::Table(std::vector<Column> columns, Form form)
    : columns_{std::move(columns)}, form_{form}, terminal_{form == Form::automatic && ::isatty(STDOUT_FILENO) == 1} {
    std::size_t used = 0;
    const auto width = terminal_ ? terminal_width(STDOUT_FILENO) : 0;
    for (const auto& column : columns_) {
        used += column.width + (fitting_ > 0 ? 2 : 0);
        if (used > width && fitting_ > 0)
            break;
        ++fitting_;
    }
    if (is_csv())
        print_csv(heading());
}

void Table::print_padded(const std::vector<std::string>& cells) const {
    std::string line;
    for (std::size_t i = 0; i < fitting_; ++i) {
        const auto& column = columns_[i];
        // The first column is never cut, because operators copy it into the next command.
        const auto cell = i == 0 ? cells[i] : cut(cells[i], column.width);
        const auto length = characters(cell);
        const std::string padding(column.width > length ? column.width - length : 0, ' ');
        line += (i > 0 ? "  " : "") + (column.right ? padding + cell : cell + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    output::print("{}\n", line);
}

void Table::row(const std::vector<std::string>& cells) {
    std::vector<std::string> clean;
    clean.reserve(cells.size());
    for (const auto& cell : cells) {
        auto text = printable(cell);
        if (form_ == Form::csv && is_formula(text))
            text.insert(0, "'");
        clean.push_back(std::move(text));
    }
    if (is_csv()) {
        print_csv(std::move(clean));
    } else if (terminal_) {
        if (!std::exchange(begun_, true))
            print_padded(heading());
        print_padded(clean);
    } else {
        output::print("{}\n", joined(clean, '\t'));
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
    output::print("{}\r\n", joined(cells, ','));
}

} // namespace pbx

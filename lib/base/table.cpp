// Prints one row at a time, so that a list of a million calls needs no more memory than one of ten.
#include "base/table.hpp"

#include "base/output.hpp"
#include "base/printable.hpp"
#include "base/table_widths.hpp"
#include "base/wrap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace pbx {

namespace {

constexpr std::array<std::string_view, 8> formula_beginnings{"=",      "+",      "-",      "@",
                                                             "\uff1d", "\uff0b", "\uff0d", "\uff20"};

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

// "talk_time" becomes "Talk time".
std::vector<std::string> in_words(std::vector<std::string> names) {
    for (auto& name : names) {
        std::replace(name.begin(), name.end(), '_', ' ');
        if (name.front() >= 'a' && name.front() <= 'z')
            name.front() = static_cast<char>(name.front() - 'a' + 'A');
    }
    return names;
}

} // namespace

Table::Table(std::vector<Column> columns, Form form)
    : columns_{std::move(columns)}, form_{form}, terminal_{form == Form::automatic && stdout_is_terminal()} {
    if (is_csv())
        print_csv(form_ == Form::csv ? in_words(heading()) : heading());
}

void Table::print_padded(const std::vector<std::string>& cells, bool is_heading) const {
    std::string line;
    std::size_t blanks = 0; // none at the end of the line
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (widths_[i] == 0)
            continue;
        const auto& column = columns_[i];
        // The first column is never cut, because operators copy it into the next command.
        const auto cell = i == 0 || !column.is_text ? cells[i] : cut(cells[i], widths_[i]);
        const auto length = characters(cell);
        const auto padding = widths_[i] > length ? widths_[i] - length : 0;
        line += std::string(blanks + (column.right ? padding : 0), ' ');
        const auto colour = is_heading                 ? Colour::bold
                            : column.colour == nullptr ? Colour::none
                                                       : column.colour(cells[i]);
        line += coloured(cell, colour);
        blanks = (column.right ? 0 : padding) + 2;
    }
    output::print("{}\n", line);
}

void Table::row(const std::vector<std::string>& cells) {
    std::vector<std::string> clean;
    clean.reserve(cells.size());
    for (const auto& cell : cells) {
        auto text = printable(cell);
        if (form_ == Form::csv && is_formula(text))
            text.insert(text.begin(), '\'');
        clean.push_back(std::move(text));
    }
    if (is_csv()) {
        print_csv(std::move(clean));
    } else if (terminal_) {
        wait_or_print({{}, std::move(clean)});
    } else {
        output::print("{}\n", joined(clean, '\t'));
    }
}

void Table::line(const std::string& text) {
    if (terminal_)
        wait_or_print({printable(text), {}});
}

void Table::wait_or_print(Waiting item) {
    constexpr std::size_t most = 500;
    if (is_laid_out_)
        return print(item);
    waiting_.push_back(std::move(item));
    if (waiting_.size() == most)
        finish();
}

void Table::finish() {
    if (!terminal_ || is_laid_out_)
        return;
    std::vector<std::size_t> longest;
    longest.reserve(columns_.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        longest.push_back(characters(columns_[i].name));
        for (const auto& item : waiting_)
            if (!item.cells.empty())
                longest[i] = std::max(longest[i], characters(item.cells[i]));
    }
    widths_ = table_widths(columns_, longest, stdout_width());
    is_laid_out_ = true;
    for (const auto& item : std::exchange(waiting_, {}))
        print(item);
}

void Table::print(const Waiting& item) {
    if (item.cells.empty()) {
        output::print("{}\n", item.line);
        return;
    }
    if (!std::exchange(begun_, true))
        print_padded(heading(), true);
    print_padded(item.cells, false);
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

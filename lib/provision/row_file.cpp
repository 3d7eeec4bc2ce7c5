#include "provision/row_file.hpp"

#include "base/error.hpp"
#include "base/lines.hpp"
#include "base/name.hpp"
#include "provision/given_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace pbx::provision {

namespace {

Error bad_line(std::size_t line, const std::string& why) {
    return {Exit::data, fmt::format("line {}: {}", line, why)};
}

std::vector<FileRow> parse_json_lines(std::string_view text) {
    std::vector<FileRow> rows;
    std::size_t number = 0;
    for (const auto line : Lines{text}) {
        ++number;
        if (line.find_first_not_of(" \t\r") == std::string_view::npos)
            continue;
        auto fields = parse_json(line);
        if (!fields.is_object())
            throw bad_line(number, "it is not a JSON object, or is nested too deeply");
        rows.push_back({number, std::move(fields)});
    }
    return rows;
}

struct CsvRecord {
    std::size_t line = 0;
    std::vector<std::string> cells;

    bool is_blank() const { return cells.size() == 1 && cells.front().empty(); }
};

class CsvReader {
  public:
    explicit CsvReader(std::string_view text) : text_{text} {}

    bool at_end() const { return at_ >= text_.size(); }

    CsvRecord next() {
        CsvRecord record{line_, {}};
        do {
            record.cells.push_back(read_cell());
        } while (take(','));
        take('\r');
        if (!take('\n') && !at_end())
            throw bad_line(line_, "a quotation mark is in the middle of a cell");
        ++line_;
        return record;
    }

  private:
    bool take(char c) {
        const bool is_next = !at_end() && text_[at_] == c;
        at_ += is_next ? 1 : 0;
        return is_next;
    }

    std::string read_cell() {
        if (take('"'))
            return read_quoted();
        const auto end = std::min(text_.find_first_of(",\r\n\"", at_), text_.size());
        auto cell = std::string{text_.substr(at_, end - at_)};
        at_ = end;
        return cell;
    }

    std::string read_quoted() {
        const auto began = line_;
        std::string cell;
        while (!at_end()) {
            const char c = text_[at_++];
            if (c == '"' && !take('"'))
                return cell;
            line_ += c == '\n' ? 1 : 0;
            cell += c;
        }
        throw bad_line(began, "a quotation mark is not closed");
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
};

std::vector<FileRow> parse_csv(std::string_view text) {
    CsvReader reader{text};
    std::vector<FileRow> rows;
    if (reader.at_end())
        return rows;
    const auto heading = reader.next();
    while (!reader.at_end()) {
        auto record = reader.next();
        if (record.is_blank())
            continue;
        if (record.cells.size() != heading.cells.size())
            throw bad_line(record.line, fmt::format("it has {} cells, and the heading has {}", record.cells.size(),
                                                    heading.cells.size()));
        FileRow row{record.line, Json::object()};
        for (std::size_t i = 0; i < record.cells.size(); ++i)
            if (!record.cells[i].empty())
                row.fields[heading.cells[i]] = std::move(record.cells[i]);
        rows.push_back(std::move(row));
    }
    return rows;
}

} // namespace

std::vector<FileRow> parse_rows(std::string_view text) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (text.starts_with(byte_order_mark))
        text.remove_prefix(byte_order_mark.size());
    if (!is_utf8(text) || text.find('\0') != std::string_view::npos)
        throw Error{Exit::data, "it is not a text in UTF-8"};
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos)
        return {};
    return text[first] == '{' ? parse_json_lines(text) : parse_csv(text);
}

} // namespace pbx::provision

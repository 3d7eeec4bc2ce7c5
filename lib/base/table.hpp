// Prints rows of any text safely for a person, a pipe or a spreadsheet.
#pragma once

#include <string>
#include <vector>

namespace pbx {

struct Column {
    std::string name;
    std::size_t width = 10; ///< in characters, on a terminal
    bool right = false;     ///< right-aligned, for numbers
};

/// Prints to stdout row by row. On a terminal: a heading, and as many columns from the left as fit; into a pipe: all
/// columns, separated by tabs; as CSV: RFC 4180, with a heading. Every cell is printable(). A spreadsheet would run a
/// cell that begins with =, +, - or @ as a formula: csv puts an apostrophe in front of it, as a person would; csv_raw,
/// for programs, does not.
class Table {
  public:
    enum class Form { automatic, csv, csv_raw };

    Table(std::vector<Column> columns, Form form);

    bool on_terminal() const { return terminal_; }
    void row(const std::vector<std::string>& cells);

  private:
    std::vector<std::string> heading() const;
    void print_padded(const std::vector<std::string>& cells) const;
    bool is_csv() const { return form_ != Form::automatic; }
    static void print_csv(std::vector<std::string> cells);

    std::vector<Column> columns_;
    Form form_;
    bool terminal_ = false;
    std::size_t fitting_ = 0;
    bool begun_ = false;
};

} // namespace pbx

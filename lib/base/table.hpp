// Rows for a person, a pipe or a spreadsheet, whatever the texts in them are.
#pragma once

#include <string>
#include <vector>

namespace pbx {

struct Column {
    std::string name;
    std::size_t width = 10; ///< in characters, on a terminal
    bool right = false;     ///< numbers stand to the right
};

/// Prints to stdout row by row. On a terminal: a heading, and as many of the columns, from the left, as fit its width;
/// into a pipe: all columns, separated by tabs; as CSV: RFC 4180, with a heading. Every cell is printable(). A
/// spreadsheet would run a cell that begins with =, +, - or @ as a formula: in CSV such a cell gets an apostrophe in
/// front, as a text gets that a person types there; csv_raw leaves it out, for programs.
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

// Prints rows of any text safely for a person, a pipe or a spreadsheet.
#pragma once

#include "base/terminal.hpp"

#include <string>
#include <vector>

namespace pbx {

struct Column {
    std::string name;
    std::size_t width = 10; ///< in characters, on a terminal
    bool right = false;     ///< right-aligned, for numbers
    bool is_kept = false;   ///< shown before the columns that are not, however narrow the terminal is
    bool is_text = false;   ///< takes the free width of the terminal, and is cut where there is none
    Colour (*colour)(const std::string& cell) = nullptr; ///< of a cell, on a terminal
};

/// Prints to stdout row by row. On a terminal: a heading, and as many columns as fit: those that are kept, then others
/// from the left; the first rows decide about widths. Into a pipe: all columns, separated by tabs; as CSV: RFC 4180,
/// with a heading. Every cell is printable(). A spreadsheet would run a cell that begins with =, +, - or @ as a
/// formula: csv puts an apostrophe in front of it, as a person would; csv_raw, for programs, does not.
class Table {
  public:
    enum class Form { automatic, csv, csv_raw };

    Table(std::vector<Column> columns, Form form);

    bool on_terminal() const { return terminal_; }
    void row(const std::vector<std::string>& cells);
    /// A line between rows, only on a terminal.
    void line(const std::string& text);
    /// To be called after the last row: on a terminal, rows may wait until the widths are known.
    void finish();

  private:
    /// A row, or a line when it has no cells.
    struct Waiting {
        std::string line;
        std::vector<std::string> cells;
    };

    std::vector<std::string> heading() const;
    void wait_or_print(Waiting item);
    void print(const Waiting& item);
    void print_padded(const std::vector<std::string>& cells, bool is_heading) const;
    bool is_csv() const { return form_ != Form::automatic; }
    static void print_csv(std::vector<std::string> cells);

    std::vector<Column> columns_;
    Form form_;
    bool terminal_ = false;
    bool is_laid_out_ = false;
    std::vector<Waiting> waiting_;
    std::vector<std::size_t> widths_; ///< of the columns; 0: not shown
    bool begun_ = false;
};

} // namespace pbx

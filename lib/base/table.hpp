// Rows for a person, a pipe or a spreadsheet, whatever the texts in them are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pbx {

/// `text` on one line that can neither drive a terminal nor turn its direction: control characters, and bytes that are
/// no UTF-8, come out as \xNN.
std::string printable(std::string_view text);

struct Column {
    std::string name;
    std::size_t width = 10; ///< in characters, on a terminal
    bool right = false;     ///< numbers stand to the right
};

/// Prints to stdout row by row. On a terminal: a heading, and as many of the columns, from the left, as fit its width;
/// into a pipe: all columns, separated by tabs; as CSV: RFC 4180, with a heading.
class Table {
  public:
    enum class Form { automatic, csv };

    Table(std::vector<Column> columns, Form form);

    bool on_terminal() const { return terminal_; }
    void row(const std::vector<std::string>& cells);

  private:
    std::vector<std::string> heading() const;
    void print_padded(const std::vector<std::string>& cells) const;
    static void print_csv(std::vector<std::string> cells);

    std::vector<Column> columns_;
    Form form_;
    bool terminal_ = false;
    std::size_t fitting_ = 0;
    bool begun_ = false;
};

} // namespace pbx

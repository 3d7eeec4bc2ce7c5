// Reads the CDR rows that Asterisk's cdr_custom wrote to a file, as asterisk/cdr_custom.conf lays them out.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pbx::cdr {

/// The text columns of a row in the file, in their order.
inline constexpr std::array file_text_columns{
    "clid",      "src",         "dst",         "dcontext",      "channel",          "dstchannel",
    "lastapp",   "lastdata",    "disposition", "amaflags",      "accountcode",      "uniqueid",
    "userfield", "peeraccount", "linkedid",    "recordingfile", "recording_paused", "recording_consent"};

/// The columns before the marked ones were there from the beginning: a row may end there, and after each marked one.
/// The text of such a column has its mark in front, so that a row that lacks another column is not taken for an older
/// one.
inline constexpr std::array<std::string_view, 2> column_marks{"paused=", "consent="};
inline constexpr std::size_t first_marked = file_text_columns.size() - column_marks.size();

struct FileRow {
    std::chrono::sys_seconds written{};  ///< when Asterisk wrote the row to the file
    std::chrono::sys_seconds calldate{}; ///< whole seconds, as in the database
    std::int32_t duration = 0;
    std::int32_t billsec = 0;
    std::int32_t sequence = 0;
    std::array<std::string, file_text_columns.size()> texts; ///< bytes as they are
};

/// One piece of the file: a row, or something else, which `fault` explains.
struct FileRecord {
    std::optional<FileRow> row;
    std::string fault;
    std::uint64_t line = 0; ///< where it begins, counted from 1
};

class CdrFileReader {
  public:
    /// Reads from byte `position`, at which line `line` begins.
    CdrFileReader(int fd, std::string what, std::uint64_t position, std::uint64_t line)
        : fd_{fd}, what_{std::move(what)}, position_{position}, line_{line} {}

    /// Nothing at the end of the file, and before a last record that is not complete yet. After a fault it continues at
    /// the next line, or behind the null bytes that a power failure leaves. In bounded memory. Throws Error (io).
    std::optional<FileRecord> next();

    /// Behind the last record that next() returned.
    std::uint64_t position() const { return position_; }
    std::uint64_t line() const { return line_; }

  private:
    bool read_more();
    std::optional<FileRecord> skip_nulls();
    std::optional<FileRecord> skip_line(std::string fault);
    void consume(std::size_t bytes);

    int fd_;
    std::string what_;
    std::string buffer_; ///< the bytes from `position_` on
    std::uint64_t position_;
    std::uint64_t line_;
};

} // namespace pbx::cdr

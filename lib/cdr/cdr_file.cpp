// A strict parser: text in quotes, numbers without. What a torn or a forged row leaves is never taken for a row.
#include "cdr/cdr_file.hpp"

#include "base/fd.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <span>
#include <utility>

namespace pbx::cdr {

namespace {

constexpr std::size_t longest_record = 256U << 10U;
constexpr std::size_t bytes_at_once = 64U << 10U;
constexpr std::size_t longest_key = 255; // what an index of PostgreSQL takes is longer, what a file name takes is not

struct Incomplete {};
struct Malformed {
    std::string fault;
};

class RowParser {
  public:
    explicit RowParser(std::string_view text) : text_{text} {}

    // Throws Incomplete when the text ends within the row, Malformed.
    FileRow parse() {
        FileRow row;
        row.written = time("time of writing");
        row.calldate = time("calldate");
        row.duration = number("duration");
        row.billsec = number("billsec");
        row.sequence = number("sequence");
        bool ended = false;
        for (std::size_t i = 0; i < row.texts.size() && !ended; ++i) {
            row.texts.at(i) = quoted(file_text_columns.at(i));
            ended = is_end(i);
        }
        take_marks(row);
        check(row);
        return row;
    }

    std::size_t length() const { return at_; }

  private:
    char take() {
        if (at_ == text_.size())
            throw Incomplete{};
        return text_[at_++];
    }

    std::string_view digits(std::string_view column, std::string_view characters) {
        const auto begin = at_;
        while (take() != ',')
            if (characters.find(text_[at_ - 1]) == std::string_view::npos)
                throw Malformed{fmt::format("{} is not a number", column)};
        return text_.substr(begin, at_ - 1 - begin);
    }

    template <typename Number>
    static Number value(std::string_view digits, std::string_view column) {
        Number result{};
        const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), result);
        if (failed != std::errc{} || end != digits.data() + digits.size())
            throw Malformed{fmt::format("{} is not a number in its range", column)};
        return result;
    }

    std::int32_t number(std::string_view column) { return value<std::int32_t>(digits(column, "-0123456789"), column); }

    // Seconds since 1970, with or without a fraction. cdr_pgsql cuts the fraction off too.
    std::chrono::sys_seconds time(std::string_view column) {
        constexpr std::int64_t end_of_9999 = 253402300799;
        const auto text = digits(column, ".0123456789");
        const auto seconds = value<std::int64_t>(text.substr(0, text.find('.')), column);
        if (seconds > end_of_9999)
            throw Malformed{fmt::format("{} is not a time", column)};
        return std::chrono::sys_seconds{std::chrono::seconds{seconds}};
    }

    // What follows the text of column `i`: a comma, or the end of the line where a row may end.
    bool is_end(std::size_t i) {
        const char next = text_[at_++];
        const bool may_end = i + 1 >= first_marked;
        const bool must_end = i + 1 == file_text_columns.size();
        if (next != '\n' ? next != ',' || must_end : !may_end)
            throw Malformed{
                fmt::format("after {} there is neither a comma nor the end of the line", file_text_columns.at(i))};
        return next == '\n';
    }

    // A row that lacks a column has the text of each later one in the place of the one before.
    static void take_marks(FileRow& row) {
        for (std::size_t i = 0; i < column_marks.size(); ++i) {
            auto& text = row.texts.at(first_marked + i);
            const auto mark = column_marks.at(i);
            if (text.empty() ? row.texts.at(first_marked - 1).starts_with(mark) : !text.starts_with(mark))
                throw Malformed{fmt::format("{} does not begin with {}", file_text_columns.at(first_marked + i), mark)};
            if (!text.empty())
                text.erase(0, mark.size());
        }
    }

    // Stops behind the quote that ends the text; there is another character behind it.
    std::string quoted(std::string_view column) {
        if (take() != '"')
            throw Malformed{fmt::format("{} is not in quotes", column)};
        std::string result;
        for (;;) {
            const char c = take();
            if (c == '\0')
                throw Malformed{fmt::format("{} has a null byte", column)};
            if (c != '"') {
                result += c;
                continue;
            }
            if (take() != '"') {
                --at_;
                return result;
            }
            result += '"';
        }
    }

    static void check(const FileRow& row) {
        for (std::size_t i = 0; i < row.texts.size(); ++i) {
            const std::string_view column = file_text_columns.at(i);
            const bool is_key =
                column == "accountcode" || column == "uniqueid" || column == "linkedid" || column == "recordingfile";
            if (is_key && row.texts.at(i).size() > longest_key)
                throw Malformed{fmt::format("{} is longer than {} bytes", column, longest_key)};
            if (column == "uniqueid" && row.texts.at(i).empty())
                throw Malformed{"uniqueid is empty"};
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

} // namespace

bool CdrFileReader::read_more() {
    const auto had = buffer_.size();
    buffer_.resize(had + bytes_at_once);
    const auto got = read_at(fd_, std::span{buffer_}.subspan(had), position_ + had, what_);
    buffer_.resize(had + got);
    return got > 0;
}

void CdrFileReader::consume(std::size_t bytes) {
    line_ += static_cast<std::uint64_t>(
        std::count(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(bytes), '\n'));
    position_ += bytes;
    buffer_.erase(0, bytes);
}

// A run of null bytes that reaches the end of the file is left: more may follow.
std::optional<FileRecord> CdrFileReader::skip_nulls() {
    const auto begin = position_;
    for (;;) {
        const auto nulls = std::min(buffer_.find_first_not_of('\0'), buffer_.size());
        consume(nulls);
        if (!buffer_.empty())
            return FileRecord{{}, fmt::format("{} null bytes", position_ - begin), line_};
        if (!read_more()) {
            position_ = begin;
            return std::nullopt;
        }
    }
}

std::optional<FileRecord> CdrFileReader::skip_line(std::string fault) {
    const auto begin = position_;
    const auto line = line_;
    for (;;) {
        const auto newline = buffer_.find('\n');
        consume(newline == std::string::npos ? buffer_.size() : newline + 1);
        if (newline != std::string::npos)
            return FileRecord{{}, std::move(fault), line};
        if (!read_more()) {
            position_ = begin;
            return std::nullopt;
        }
    }
}

std::optional<FileRecord> CdrFileReader::next() {
    for (;;) {
        if (buffer_.empty() && !read_more())
            return std::nullopt;
        if (buffer_.front() == '\0')
            return skip_nulls();
        try {
            RowParser parser{buffer_};
            FileRecord record{parser.parse(), {}, line_};
            consume(parser.length());
            return record;
        } catch (const Incomplete&) {
            if (buffer_.size() > longest_record)
                return skip_line(fmt::format("the row is longer than {} KiB", longest_record >> 10U));
            if (!read_more())
                return std::nullopt;
        } catch (const Malformed& malformed) {
            return skip_line(malformed.fault);
        }
    }
}

} // namespace pbx::cdr

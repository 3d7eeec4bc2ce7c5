#include "cli/config_file.hpp"

#include "base/error.hpp"
#include "base/lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace pbx::cli {

namespace {

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r";
    const auto begin = text.find_first_not_of(blanks);
    return begin == std::string_view::npos ? std::string_view{}
                                           : text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

bool is_comment(std::string_view text) {
    return text.starts_with('#') || text.starts_with(';');
}

// The text before a comment at the end of a line. A '#' inside a word, as in a password, begins none.
std::string_view without_comment(std::string_view text) {
    for (auto hash = text.find('#'); hash != std::string_view::npos; hash = text.find('#', hash + 1))
        if (hash == 0 || text[hash - 1] == ' ' || text[hash - 1] == '\t')
            return trimmed(text.substr(0, hash));
    return text;
}

// The end of the quoted value at the beginning of `text`. The value may contain quotes, so its end is the first one
// that only blanks or a comment follow.
std::size_t closing_quote(std::string_view text) {
    for (auto end = text.find(text.front(), 1); end != std::string_view::npos; end = text.find(text.front(), end + 1)) {
        const auto rest = text.substr(end + 1);
        if (trimmed(rest).empty() || (trimmed(rest).starts_with('#') && rest.front() != '#'))
            return end;
    }
    return std::string_view::npos;
}

class Parser {
  public:
    explicit Parser(std::string_view path) : path_{path} {}

    std::vector<ConfigLine> parse(std::string_view text) {
        for (const auto line : Lines{text}) {
            ++number_;
            if (line.find_first_of(std::string_view{"\0\x1b", 2}) != std::string_view::npos)
                fail("the line has a control character");
            if (const auto content = trimmed(line); !content.empty() && !is_comment(content))
                add(content);
        }
        return std::move(result_);
    }

  private:
    [[noreturn]] void fail(const std::string& fault, const std::string& hint = "pbx.conf(5) describes the file") const {
        throw Error{Exit::config, fmt::format("{}:{}: {}", path_, number_, fault), hint};
    }

    void add(std::string_view line) {
        if (line.starts_with('['))
            return begin_section(without_comment(line));
        const auto equals = line.find('=');
        const auto name = trimmed(line.substr(0, equals));
        if (name.empty() || name.find_first_of(" \t\"'[]") != std::string_view::npos)
            fail("the line is neither name = value nor [section]"); // it is not shown, since it could be a password
        const auto text = equals == std::string_view::npos ? "true" : trimmed(line.substr(equals + 1));
        const bool is_quoted = text.starts_with('"') || text.starts_with('\'');
        const auto value = is_quoted ? without_quotes(text) : without_comment(text);
        result_.push_back({number_, section_, std::string{name}, std::string{value}, is_quoted});
    }

    void begin_section(std::string_view line) {
        if (!line.ends_with(']'))
            fail("the section's name does not end with ]");
        section_ = trimmed(line.substr(1, line.size() - 2));
        result_.push_back({number_, section_, {}, {}, false});
    }

    std::string_view without_quotes(std::string_view text) const {
        const auto end = closing_quote(text);
        if (end == std::string_view::npos)
            fail(fmt::format("the quote {} is not closed", text.front()));
        return text.substr(1, end - 1);
    }

    std::string path_;
    std::size_t number_ = 0;
    std::string section_;
    std::vector<ConfigLine> result_;
};

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Levenshtein's distance: how many characters must be inserted, removed or replaced. Capitals are no difference.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 0; i < a.size(); ++i) {
        auto diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const auto replaced = diagonal + (lower(a[i]) == lower(b[j]) ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
        }
    }
    return row.back();
}

} // namespace

std::vector<ConfigLine> parse_config(std::string_view text, std::string_view path) {
    return Parser{path}.parse(text);
}

std::string suggest(std::string_view given, const std::vector<std::string>& known) {
    const std::string* best = nullptr;
    // Two exchanged letters are two changes.
    const auto most = given.size() < 4 ? 1 : std::max<std::size_t>(2, given.size() / 3);
    auto least = most + 1;
    for (const auto& name : known)
        if (const auto far = distance(given, name); far < least) {
            least = far;
            best = &name;
        }
    return best == nullptr ? std::string{} : "did you mean " + *best + "?";
}

} // namespace pbx::cli

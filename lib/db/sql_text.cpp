// A lexer for PostgreSQL, just detailed enough to find the semicolons between statements.
#include "db/sql_text.hpp"

#include <algorithm>
#include <regex>

namespace pbx::db {

namespace {

constexpr std::size_t words_kept = 8;

bool begins_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

bool in_word(char c) {
    return begins_word(c) || (c >= '0' && c <= '9') || c == '$';
}

std::string capitals(std::string_view text) {
    std::string result{text};
    for (auto& c : result)
        if (c >= 'a' && c <= 'z')
            c = static_cast<char>(c - 'a' + 'A');
    return result;
}

class Splitter {
  public:
    explicit Splitter(std::string_view text) : text_{text} {}

    std::vector<Statement> run() {
        while (at_ < text_.size())
            step();
        finish(text_.size());
        return std::move(result_);
    }

  private:
    bool looking_at(std::string_view what) const { return text_.substr(at_, what.size()) == what; }

    void step() {
        const char c = text_[at_];
        if (looking_at("--")) {
            at_ = std::min(text_.find('\n', at_), text_.size());
        } else if (looking_at("/*")) {
            skip_comment();
        } else if (c == '\'' || c == '"') {
            mark();
            skip_quoted(c, false);
        } else if (c == '$' && dollar_tag() > 0) {
            mark();
            skip_dollar_quoted(dollar_tag());
        } else if (begins_word(c)) {
            take_word();
        } else if (c == ';' && parentheses_ == 0 && blocks_ == 0) {
            finish(at_);
            ++at_;
        } else {
            if (c == '(')
                ++parentheses_;
            else if (c == ')' && parentheses_ > 0)
                --parentheses_;
            if (c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != ';')
                mark();
            ++at_;
        }
    }

    // Begins a statement here, unless one has begun.
    void mark() {
        if (begun_)
            return;
        begun_ = true;
        begin_ = at_;
        line_ += static_cast<std::size_t>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(counted_),
                                                     text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n'));
        counted_ = at_;
    }

    void finish(std::size_t end) {
        if (begun_)
            result_.push_back({text_.substr(begin_, end - begin_), line_, std::move(words_)});
        words_.clear();
        begun_ = false;
        parentheses_ = blocks_ = 0;
    }

    // Comments nest.
    void skip_comment() {
        std::size_t depth = 0;
        do {
            if (looking_at("/*")) {
                ++depth;
                at_ += 2;
            } else if (looking_at("*/")) {
                --depth;
                at_ += 2;
            } else {
                ++at_;
            }
        } while (depth > 0 && at_ < text_.size());
    }

    // A doubled quote ends the string and begins another, with the same result.
    void skip_quoted(char quote, bool backslashes) {
        for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_)
            if (backslashes && text_[at_] == '\\')
                ++at_;
        at_ = std::min(at_ + 1, text_.size());
    }

    // Length of "$tag$" here, or 0.
    std::size_t dollar_tag() const {
        auto end = at_ + 1;
        if (end < text_.size() && begins_word(text_[end]))
            while (end < text_.size() && in_word(text_[end]) && text_[end] != '$')
                ++end;
        return end < text_.size() && text_[end] == '$' ? end + 1 - at_ : 0;
    }

    void skip_dollar_quoted(std::size_t tag) {
        const auto close = text_.find(text_.substr(at_, tag), at_ + tag);
        at_ = close == std::string_view::npos ? text_.size() : close + tag;
    }

    void take_word() {
        mark();
        auto end = at_;
        while (end < text_.size() && in_word(text_[end]))
            ++end;
        const auto word = capitals(text_.substr(at_, end - at_));
        at_ = end;
        if (word == "E" && looking_at("'")) {
            skip_quoted('\'', true);
            return;
        }
        if (words_.size() < words_kept)
            words_.push_back(word);
        follow_block(word);
    }

    // CREATE FUNCTION ... BEGIN ATOMIC a; b; END contains semicolons, and may contain CASE ... END.
    void follow_block(const std::string& word) {
        const bool defines =
            !words_.empty() && words_[0] == "CREATE" &&
            std::any_of(words_.begin(),
                        words_.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(words_.size(), 4)),
                        [](const auto& w) { return w == "FUNCTION" || w == "PROCEDURE"; });
        if (!defines)
            return;
        if (word == "ATOMIC" && previous_ == "BEGIN")
            blocks_ = 1;
        else if (blocks_ > 0 && word == "CASE")
            ++blocks_;
        else if (blocks_ > 0 && word == "END")
            --blocks_;
        previous_ = word;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    bool begun_ = false;
    std::size_t begin_ = 0;
    std::size_t counted_ = 0;
    std::size_t line_ = 1;
    std::size_t parentheses_ = 0;
    std::size_t blocks_ = 0;
    std::vector<std::string> words_;
    std::string previous_;
    std::vector<Statement> result_;
};

} // namespace

std::vector<Statement> split_statements(std::string_view text) {
    return Splitter{text}.run();
}

bool controls_transaction(const Statement& statement) {
    const auto word = [&](std::size_t i) { return i < statement.words.size() ? statement.words[i] : std::string{}; };
    if (word(0) == "ROLLBACK") {
        const std::size_t next = word(1) == "WORK" || word(1) == "TRANSACTION" ? 2 : 1;
        return word(next) != "TO";
    }
    if (word(0) == "PREPARE" || word(0) == "START")
        return word(1) == "TRANSACTION";
    return word(0) == "BEGIN" || word(0) == "COMMIT" || word(0) == "END" || word(0) == "ABORT";
}

bool is_concurrent(const Statement& statement) {
    return std::find(statement.words.begin(), statement.words.end(), "CONCURRENTLY") != statement.words.end();
}

std::string name_of_created_index(const Statement& statement) {
    constexpr const char* gap = R"((?:\s|--[^\n]*\n|/\*[^*]*\*/)+)";
    static const std::regex created{
        std::regex_replace(std::string{R"re(create(?:~unique)?~index(?:~concurrently)?(?:~if~not~exists)?~)re"},
                           std::regex{"~"}, gap) +
            R"re((?:(?!on\b)([^\s"(),.;]+)|"((?:[^"]|"")+)"))re",
        std::regex::icase};
    const std::string text{statement.text.substr(0, 1000)}; // std::regex is recursive
    std::smatch found;
    if (!std::regex_search(text, found, created, std::regex_constants::match_continuous))
        return {};
    if (found[2].matched)
        return std::regex_replace(found[2].str(), std::regex{"\"\""}, "\"");
    std::string name;
    for (const char c : found[1].str())
        name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return name;
}

std::size_t line_of_character(std::string_view text, std::size_t character) {
    std::size_t line = 1;
    std::size_t seen = 0;
    for (const char c : text) {
        if ((static_cast<unsigned char>(c) & 0xc0U) != 0x80)
            ++seen;
        if (seen >= character)
            break;
        if (c == '\n')
            ++line;
    }
    return line;
}

} // namespace pbx::db

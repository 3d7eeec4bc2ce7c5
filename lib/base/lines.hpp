// The lines of a text, for a range-based for loop.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>

namespace pbx {

/// `for (const auto line : Lines{text})`: each line as a view into `text`, which must outlive the loop. A last line
/// that does not end in '\n' counts as a line; an empty text has none.
class Lines {
  public:
    enum class Newline { dropped, kept };

    explicit Lines(std::string_view text, Newline newline = Newline::dropped) : text_{text}, newline_{newline} {}

    class Iterator {
      public:
        using iterator_category = std::input_iterator_tag;
        using value_type = std::string_view;
        using difference_type = std::ptrdiff_t;
        using pointer = const std::string_view*;
        using reference = std::string_view;

        Iterator(std::string_view rest, Newline newline) : rest_{rest}, newline_{newline} {}

        std::string_view operator*() const {
            const auto end = rest_.find('\n');
            return end == std::string_view::npos ? rest_ : rest_.substr(0, newline_ == Newline::kept ? end + 1 : end);
        }
        Iterator& operator++() {
            rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size() - 1) + 1);
            return *this;
        }
        bool operator==(const Iterator& other) const { return rest_.size() == other.rest_.size(); }

      private:
        std::string_view rest_;
        Newline newline_;
    };

    Iterator begin() const { return {text_, newline_}; }
    Iterator end() const { return {{}, newline_}; }

  private:
    std::string_view text_;
    Newline newline_;
};

/// Takes the complete lines out of `buffer`, which grows as a stream is read, and leaves the beginning of the next one.
inline std::string take_complete_lines(std::string& buffer) {
    auto lines = buffer.substr(0, buffer.rfind('\n') + 1);
    buffer.erase(0, lines.size());
    return lines;
}

} // namespace pbx

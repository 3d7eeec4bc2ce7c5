// The greedy algorithm of Myers, "An O(ND) Difference Algorithm and Its Variations", with three lines of context.
// It is here because passwords must be hidden in both texts: diff(1) would need them in files.
#include "dialplan/diff.hpp"

#include "base/lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace pbx::dialplan {

namespace {

constexpr std::ptrdiff_t context_lines = 3;

// Texts with more differences are shown as a removed and an added one: the search would take memory by the square of
// their number.
constexpr std::ptrdiff_t most_differences = 2000;

using LineList = std::vector<std::string_view>;

LineList lines_of(std::string_view text) {
    LineList lines;
    for (const auto line : Lines{text, Lines::Newline::kept})
        lines.push_back(line);
    return lines;
}

struct Edit {
    char sign; // ' ', '-', '+'
    std::string_view line;
};

void replace_all(const LineList& before, const LineList& after, std::vector<Edit>& edits) {
    for (const auto line : before)
        edits.push_back({'-', line});
    for (const auto line : after)
        edits.push_back({'+', line});
}

std::string_view at(const LineList& lines, std::ptrdiff_t i) {
    return lines[static_cast<std::size_t>(i)];
}

// How far into `before` each diagonal gets with a number of differences; diagonal k holds the pairs (x, x - k).
class Search {
  public:
    Search(const LineList& before, const LineList& after)
        : before_{before}, after_{after}, n_{static_cast<std::ptrdiff_t>(before.size())},
          m_{static_cast<std::ptrdiff_t>(after.size())}, most_{std::min(n_ + m_, most_differences)},
          furthest_(static_cast<std::size_t>(2 * most_ + 3), 0) {}

    // The edits that turn `before` into `after`; nothing when there are more than most_differences.
    std::optional<std::vector<Edit>> edits() {
        for (std::ptrdiff_t d = 0; d <= most_; ++d) {
            const auto first = furthest_.begin() + (offset() - d - 1);
            history_.emplace_back(first, first + 2 * d + 3);
            for (std::ptrdiff_t k = -d; k <= d; k += 2)
                if (advance(k, d))
                    return path(d);
        }
        return std::nullopt;
    }

  private:
    std::ptrdiff_t offset() const { return most_ + 1; }
    std::ptrdiff_t& reached(std::ptrdiff_t k) { return furthest_[static_cast<std::size_t>(k + offset())]; }

    // The diagonals -d-1 to d+1 as they were before step d.
    std::ptrdiff_t reached_before(std::ptrdiff_t k, std::ptrdiff_t d) const {
        return history_[static_cast<std::size_t>(d)][static_cast<std::size_t>(k + d + 1)];
    }

    // Whether the path of d differences comes to diagonal k by an added line, not by a removed one.
    bool by_addition(std::ptrdiff_t k, std::ptrdiff_t d) const {
        return k == -d || (k != d && reached_before(k - 1, d) < reached_before(k + 1, d));
    }

    // Whether both texts end there.
    bool advance(std::ptrdiff_t k, std::ptrdiff_t d) {
        auto x = by_addition(k, d) ? reached_before(k + 1, d) : reached_before(k - 1, d) + 1;
        while (x < n_ && x - k < m_ && at(before_, x) == at(after_, x - k))
            ++x;
        reached(k) = x;
        return x >= n_ && x - k >= m_;
    }

    std::vector<Edit> path(std::ptrdiff_t differences) const {
        std::vector<Edit> reversed;
        auto x = n_;
        auto y = m_;
        for (auto d = differences; d > 0; --d) {
            const auto k = x - y;
            const bool added = by_addition(k, d);
            const auto from_x = added ? reached_before(k + 1, d) : reached_before(k - 1, d);
            const auto from_y = from_x - (added ? k + 1 : k - 1);
            for (; x > from_x && y > from_y; --x, --y)
                reversed.push_back({' ', at(before_, x - 1)});
            reversed.push_back(added ? Edit{'+', at(after_, y - 1)} : Edit{'-', at(before_, x - 1)});
            x = from_x;
            y = from_y;
        }
        for (; x > 0; --x)
            reversed.push_back({' ', at(before_, x - 1)});
        return {reversed.rbegin(), reversed.rend()};
    }

    const LineList& before_;
    const LineList& after_;
    std::ptrdiff_t n_;
    std::ptrdiff_t m_;
    std::ptrdiff_t most_;
    std::vector<std::ptrdiff_t> furthest_;
    std::vector<std::vector<std::ptrdiff_t>> history_;
};

// Appends the edits that turn `before` into `after`.
void differ(const LineList& before, const LineList& after, std::vector<Edit>& edits) {
    if (const auto found = Search{before, after}.edits())
        edits.insert(edits.end(), found->begin(), found->end());
    else
        replace_all(before, after, edits);
}

std::vector<Edit> edits_between(std::string_view before, std::string_view after) {
    auto old_lines = lines_of(before);
    auto new_lines = lines_of(after);
    std::size_t head = 0;
    while (head < old_lines.size() && head < new_lines.size() && old_lines[head] == new_lines[head])
        ++head;
    std::size_t tail = 0;
    while (tail + head < old_lines.size() && tail + head < new_lines.size() &&
           old_lines[old_lines.size() - 1 - tail] == new_lines[new_lines.size() - 1 - tail])
        ++tail;
    const auto part = [](const LineList& lines, std::size_t from, std::size_t to) {
        return LineList{lines.begin() + static_cast<std::ptrdiff_t>(from),
                        lines.begin() + static_cast<std::ptrdiff_t>(to)};
    };
    std::vector<Edit> edits;
    for (std::size_t i = 0; i < head; ++i)
        edits.push_back({' ', old_lines[i]});
    differ(part(old_lines, head, old_lines.size() - tail), part(new_lines, head, new_lines.size() - tail), edits);
    for (std::size_t i = old_lines.size() - tail; i < old_lines.size(); ++i)
        edits.push_back({' ', old_lines[i]});
    return edits;
}

// "12,3", "12" for a single line, and the line before for none at all, as diff writes it.
std::string range(std::ptrdiff_t first, std::ptrdiff_t count) {
    if (count == 1)
        return std::to_string(first);
    return fmt::format("{},{}", count == 0 ? first - 1 : first, count);
}

// Prints the edits as hunks, and counts the lines of both texts meanwhile.
class HunkWriter {
  public:
    explicit HunkWriter(const std::vector<Edit>& edits)
        : edits_{edits}, count_{static_cast<std::ptrdiff_t>(edits.size())} {}

    std::string hunks() {
        std::string result;
        for (std::ptrdiff_t i = 0; i < count_; ++i)
            if (sign(i) != ' ')
                i = add_hunk(i, result);
        return result;
    }

  private:
    char sign(std::ptrdiff_t i) const { return edits_[static_cast<std::size_t>(i)].sign; }

    void count_lines(std::ptrdiff_t end) {
        for (; counted_ < end; ++counted_) {
            old_line_ += sign(counted_) != '+' ? 1 : 0;
            new_line_ += sign(counted_) != '-' ? 1 : 0;
        }
    }

    // The last change that is so close to the one before it that their contexts overlap.
    std::ptrdiff_t last_change(std::ptrdiff_t change) const {
        for (auto next = change; next < count_ && next - change <= 2 * context_lines; ++next)
            if (sign(next) != ' ')
                change = next;
        return change;
    }

    // Adds the hunk whose first change is `change`, and returns the place of its last line.
    std::ptrdiff_t add_hunk(std::ptrdiff_t change, std::string& result) {
        count_lines(std::max(change - context_lines, counted_));
        const auto first = counted_;
        const auto last = std::min(last_change(change) + context_lines, count_ - 1);
        const auto old_first = old_line_;
        const auto new_first = new_line_;
        count_lines(last + 1);
        result += fmt::format("@@ -{} +{} @@\n", range(old_first, old_line_ - old_first),
                              range(new_first, new_line_ - new_first));
        for (auto i = first; i <= last; ++i) {
            const auto& edit = edits_[static_cast<std::size_t>(i)];
            result += edit.sign;
            result += edit.line;
            if (!edit.line.ends_with('\n'))
                result += "\n\\ No newline at end of file\n";
        }
        return last;
    }

    const std::vector<Edit>& edits_;
    std::ptrdiff_t count_;
    std::ptrdiff_t old_line_ = 1;
    std::ptrdiff_t new_line_ = 1;
    std::ptrdiff_t counted_ = 0; // edits before this one
};

} // namespace

std::string unified_diff(std::string_view before, std::string_view after, std::string_view before_name,
                         std::string_view after_name) {
    if (before == after)
        return {};
    const auto edits = edits_between(before, after);
    return fmt::format("--- {}\n+++ {}\n", before_name, after_name) + HunkWriter{edits}.hunks();
}

} // namespace pbx::dialplan

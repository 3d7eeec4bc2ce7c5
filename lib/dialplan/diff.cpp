// The greedy algorithm of Myers, "An O(ND) Difference Algorithm and Its Variations", with three lines of context.
#include "dialplan/diff.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace pbx::dialplan {

namespace {

constexpr std::ptrdiff_t context_lines = 3;

// Two texts with more differences are shown as one taken out and the other put in: the search would take memory by the
// square of their number.
constexpr std::ptrdiff_t most_differences = 2000;

using Lines = std::vector<std::string_view>;

Lines lines_of(std::string_view text) {
    Lines lines;
    while (!text.empty()) {
        const auto length = std::min(text.find('\n'), text.size() - 1) + 1;
        lines.push_back(text.substr(0, length));
        text.remove_prefix(length);
    }
    return lines;
}

struct Edit {
    char sign; // ' ', '-', '+'
    std::string_view line;
};

void replace_all(const Lines& before, const Lines& after, std::vector<Edit>& edits) {
    for (const auto line : before)
        edits.push_back({'-', line});
    for (const auto line : after)
        edits.push_back({'+', line});
}

// Appends what turns `before` into `after`.
void differ(const Lines& before, const Lines& after, std::vector<Edit>& edits) {
    const auto n = static_cast<std::ptrdiff_t>(before.size());
    const auto m = static_cast<std::ptrdiff_t>(after.size());
    const auto most = std::min(n + m, most_differences);
    const auto at = [](const Lines& lines, std::ptrdiff_t i) { return lines[static_cast<std::size_t>(i)]; };
    // furthest[k + offset]: how far down `before` the diagonal k gets with d differences.
    const auto offset = most + 1;
    std::vector<std::ptrdiff_t> furthest(static_cast<std::size_t>(2 * most + 3), 0);
    const auto reach = [&](std::ptrdiff_t k) -> std::ptrdiff_t& {
        return furthest[static_cast<std::size_t>(k + offset)];
    };
    const auto goes_down = [&](std::ptrdiff_t k, std::ptrdiff_t d, const auto& reached) {
        return k == -d || (k != d && reached(k - 1) < reached(k + 1));
    };
    std::vector<std::vector<std::ptrdiff_t>> history; // of `furthest`, its diagonals -d to d before step d
    std::ptrdiff_t found = -1;
    for (std::ptrdiff_t d = 0; d <= most && found < 0; ++d) {
        history.emplace_back(furthest.begin() + (offset - d - 1), furthest.begin() + (offset + d + 2));
        for (std::ptrdiff_t k = -d; k <= d; k += 2) {
            auto x = goes_down(k, d, reach) ? reach(k + 1) : reach(k - 1) + 1;
            while (x < n && x - k < m && at(before, x) == at(after, x - k))
                ++x;
            reach(k) = x;
            if (x >= n && x - k >= m) {
                found = d;
                break;
            }
        }
    }
    if (found < 0) {
        replace_all(before, after, edits);
        return;
    }
    std::vector<Edit> reversed;
    auto x = n;
    auto y = m;
    for (auto d = found; d > 0; --d) {
        const auto& then = history[static_cast<std::size_t>(d)];
        const auto reached = [&](std::ptrdiff_t k) { return then[static_cast<std::size_t>(k + d + 1)]; };
        const auto k = x - y;
        const bool down = goes_down(k, d, reached);
        const auto from_x = down ? reached(k + 1) : reached(k - 1);
        const auto from_y = from_x - (down ? k + 1 : k - 1);
        for (; x > from_x && y > from_y; --x, --y)
            reversed.push_back({' ', at(before, x - 1)});
        reversed.push_back(down ? Edit{'+', at(after, y - 1)} : Edit{'-', at(before, x - 1)});
        x = from_x;
        y = from_y;
    }
    for (; x > 0; --x)
        reversed.push_back({' ', at(before, x - 1)});
    edits.insert(edits.end(), reversed.rbegin(), reversed.rend());
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
    const auto part = [](const Lines& lines, std::size_t from, std::size_t to) {
        return Lines{lines.begin() + static_cast<std::ptrdiff_t>(from),
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

} // namespace

std::string unified_diff(std::string_view before, std::string_view after, std::string_view before_name,
                         std::string_view after_name) {
    if (before == after)
        return {};
    const auto edits = edits_between(before, after);
    const auto count = static_cast<std::ptrdiff_t>(edits.size());
    const auto sign = [&](std::ptrdiff_t i) { return edits[static_cast<std::size_t>(i)].sign; };
    auto result = fmt::format("--- {}\n+++ {}\n", before_name, after_name);
    std::ptrdiff_t old_line = 1;
    std::ptrdiff_t new_line = 1;
    std::ptrdiff_t done = 0; // edits before this one have been counted
    const auto pass = [&](std::ptrdiff_t to) {
        for (; done < to; ++done) {
            old_line += sign(done) != '+' ? 1 : 0;
            new_line += sign(done) != '-' ? 1 : 0;
        }
    };
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        if (sign(i) == ' ')
            continue;
        auto end = i;
        for (auto next = i; next < count && next - end <= 2 * context_lines; ++next)
            if (sign(next) != ' ')
                end = next;
        pass(std::max(i - context_lines, done));
        const auto first = done;
        const auto last = std::min(end + context_lines, count - 1);
        const auto old_first = old_line;
        const auto new_first = new_line;
        pass(last + 1);
        result += fmt::format("@@ -{} +{} @@\n", range(old_first, old_line - old_first),
                              range(new_first, new_line - new_first));
        for (auto each = first; each <= last; ++each) {
            const auto& edit = edits[static_cast<std::size_t>(each)];
            result += edit.sign;
            result += edit.line;
            if (!edit.line.ends_with('\n'))
                result += "\n\\ No newline at end of file\n";
        }
        i = last;
    }
    return result;
}

} // namespace pbx::dialplan

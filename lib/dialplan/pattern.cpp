// One pass without backtracking: only the last character of a pattern matches more than one digit.
#include "dialplan/pattern.hpp"

namespace pbx::dialplan {

namespace {

bool between(char c, char first, char last) {
    return c >= first && c <= last;
}

// `set` is the text between brackets: single characters and ranges.
bool in_set(std::string_view set, char c) {
    for (std::size_t i = 0; i < set.size(); ++i) {
        if (i + 2 < set.size() && set[i + 1] == '-') {
            if (between(c, set[i], set[i + 2]))
                return true;
            i += 2;
        } else if (c == set[i]) {
            return true;
        }
    }
    return false;
}

} // namespace

bool pattern_takes(std::string_view pattern, std::string_view number) {
    if (!pattern.starts_with('_'))
        return pattern == number;
    pattern.remove_prefix(1);
    while (!pattern.empty()) {
        const char wanted = pattern.front();
        if (wanted == '.')
            return !number.empty();
        if (wanted == '!')
            return true;
        if (number.empty())
            return false;
        const char c = number.front();
        std::size_t length = 1;
        bool fits = false;
        if (wanted == 'X' || wanted == 'x') {
            fits = between(c, '0', '9');
        } else if (wanted == 'Z' || wanted == 'z') {
            fits = between(c, '1', '9');
        } else if (wanted == 'N' || wanted == 'n') {
            fits = between(c, '2', '9');
        } else if (wanted == '[') {
            const auto end = pattern.find(']');
            if (end == std::string_view::npos)
                return false;
            fits = in_set(pattern.substr(1, end - 1), c);
            length = end + 1;
        } else {
            fits = c == wanted;
        }
        if (!fits)
            return false;
        pattern.remove_prefix(length);
        number.remove_prefix(1);
    }
    return number.empty();
}

} // namespace pbx::dialplan

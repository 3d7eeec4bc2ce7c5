#include "base/wrap.hpp"

#include <algorithm>
#include <sstream>

namespace pbx {

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

std::string wrapped(const std::string& text, std::size_t indent, std::size_t width) {
    std::istringstream words{text};
    std::string result;
    auto column = indent;
    for (std::string word; words >> word;) {
        const auto length = characters(word);
        if (column > indent && column + 1 + length > width) {
            result += '\n' + std::string(indent, ' ');
            column = indent;
        }
        const bool is_first = column == indent;
        result += (is_first ? "" : " ") + word;
        column += length + (is_first ? 0 : 1);
    }
    return result;
}

} // namespace pbx

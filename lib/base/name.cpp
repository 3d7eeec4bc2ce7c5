// Checks every string from outside before it becomes a path.
#include "base/name.hpp"

#include "base/error.hpp"
#include "base/printable.hpp"

#include <utf8.h>

#include <algorithm>

namespace pbx {

std::string_view name_fault(std::string_view name) {
    if (name.empty())
        return "it is empty";
    if (name.size() > 255)
        return "it is longer than 255 bytes";
    if (name.find('/') != std::string_view::npos)
        return "it has a slash";
    if (name.find("..") != std::string_view::npos)
        return "it has two dots in a row";
    if (name.front() == '.' || name.front() == '-')
        return "it begins with a dot or a dash";
    if (std::any_of(name.begin(), name.end(), [](char c) {
            const auto byte = static_cast<unsigned char>(c);
            return byte < 0x20 || byte == 0x7f;
        }))
        return "it has a control character";
    return {};
}

std::string shown(std::string_view name) {
    constexpr std::size_t most = 80;
    return printable(name, most);
}

void require_safe_name(std::string_view name, std::string_view what) {
    if (const auto fault = name_fault(name); !fault.empty())
        throw Error{Exit::data, std::string{what} + " \"" + shown(name) + "\" refused: " + std::string{fault}};
}

bool is_utf8(std::string_view text) {
    return utf8::is_valid(text.begin(), text.end());
}

} // namespace pbx

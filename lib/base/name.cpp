// The gate for every string from outside that becomes a path.
#include "base/name.hpp"

#include "base/error.hpp"
#include "base/printable.hpp"

#include <algorithm>
#include <cstdint>

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
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = byte(i++);
        if (lead < 0x80)
            continue;
        std::size_t more = 0;
        std::uint32_t code = 0;
        if (lead >= 0xc2 && lead <= 0xdf) {
            more = 1;
            code = lead & 0x1fU;
        } else if (lead >= 0xe0 && lead <= 0xef) {
            more = 2;
            code = lead & 0x0fU;
        } else if (lead >= 0xf0 && lead <= 0xf4) {
            more = 3;
            code = lead & 0x07U;
        } else {
            return false;
        }
        if (text.size() - i < more)
            return false;
        for (std::size_t k = 0; k < more; ++k, ++i) {
            if ((byte(i) & 0xc0U) != 0x80)
                return false;
            code = (code << 6U) | (byte(i) & 0x3fU);
        }
        const bool overlong = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
        if (overlong || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff)
            return false;
    }
    return true;
}

} // namespace pbx

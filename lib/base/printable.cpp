// Decodes UTF-8 character by character; whatever must not be shown becomes its number.
#include "base/printable.hpp"

#include "base/name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace pbx {

namespace {

struct Character {
    std::size_t length = 0; ///< 0: no UTF-8 begins here
    std::uint32_t code = 0;
};

Character first_character(std::string_view text) {
    const auto first = static_cast<unsigned char>(text.front());
    if (first < 0x80)
        return {1, first};
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (!is_utf8(text.substr(0, length)))
        return {};
    std::uint32_t code = first & (0x7fU >> length);
    for (std::size_t i = 1; i < length; ++i)
        code = (code << 6U) | (static_cast<unsigned char>(text[i]) & 0x3fU);
    return {length, code};
}

struct Range {
    std::uint32_t first;
    std::uint32_t last;
};

// Unicode's categories Cc, Zl, Zp, and of Cf what has no shape of its own or turns the direction.
constexpr std::array<Range, 11> not_shown{{{0x00, 0x1f},
                                           {0x7f, 0x9f},
                                           {0x061c, 0x061c},
                                           {0x180e, 0x180e},
                                           {0x200b, 0x200b},
                                           {0x200e, 0x200f},
                                           {0x2028, 0x202e},
                                           {0x2060, 0x206f},
                                           {0xfeff, 0xfeff},
                                           {0xfff9, 0xfffb},
                                           {0xe0000, 0xe007f}}};

bool can_be_shown(std::uint32_t code) {
    return std::none_of(not_shown.begin(), not_shown.end(),
                        [&](const Range& range) { return code >= range.first && code <= range.last; });
}

} // namespace

std::string printable(std::string_view text, std::size_t most) {
    std::string result;
    for (std::size_t characters = 0; !text.empty(); ++characters) {
        if (characters == most)
            return result + "...";
        const auto [length, code] = first_character(text);
        if (length == 0)
            result += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
        else if (can_be_shown(code))
            result += text.substr(0, length);
        else if (code < 0x100)
            result += fmt::format("\\x{:02x}", code);
        else
            result += fmt::format("\\u{:04x}", code);
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return result;
}

} // namespace pbx

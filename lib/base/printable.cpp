// Replaces unsafe characters, and bytes that are not UTF-8, with their numbers.
#include "base/printable.hpp"

#include <fmt/format.h>
#include <utf8.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace pbx {

namespace {

struct Range {
    std::uint32_t first;
    std::uint32_t last;
};

// Unicode's categories Cc, Zl and Zp, and the characters of Cf that are invisible or change the direction.
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
    const auto* at = text.begin();
    const auto* invalid = utf8::find_invalid(at, text.end());
    for (std::size_t characters = 0; at != text.end(); ++characters) {
        if (characters == most)
            return result + "...";
        if (at == invalid) {
            result += fmt::format("\\x{:02x}", static_cast<unsigned char>(*at));
            invalid = utf8::find_invalid(++at, text.end());
            continue;
        }
        const auto* character = at;
        const std::uint32_t code = utf8::unchecked::next(at);
        if (can_be_shown(code))
            result.append(character, at);
        else
            result += code < 0x100 ? fmt::format("\\x{:02x}", code) : fmt::format("\\u{:04x}", code);
    }
    return result;
}

} // namespace pbx

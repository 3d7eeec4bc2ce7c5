// One parser for every duration, so that "5" and "1h30m" are the same in each option of each tool.
#include "base/duration.hpp"

#include "base/error.hpp"
#include "base/name.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>

namespace pbx {

namespace {

constexpr std::int64_t longest = 100LL * 366 * 86400; // in seconds

struct Unit {
    char letter;
    std::int64_t seconds;
};
constexpr std::array<Unit, 5> units{{{'w', 7LL * 86400}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}}};

std::optional<std::int64_t> take_number(std::string_view& text) {
    std::int64_t number = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (fault != std::errc{} || number < 0 || number > longest)
        return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}

// The index in `units`, which must not be before `next`.
std::optional<std::size_t> take_unit(std::string_view& text, std::size_t next) {
    for (std::size_t i = next; i < units.size() && !text.empty(); ++i)
        if (units[i].letter == text.front()) {
            text.remove_prefix(1);
            return i;
        }
    return std::nullopt;
}

} // namespace

std::optional<std::chrono::seconds> read_duration(std::string_view text) {
    std::int64_t sum = 0;
    std::size_t next = 0;
    bool has_unit = false;
    do {
        const auto number = take_number(text);
        if (!number)
            return std::nullopt;
        if (text.empty() && !has_unit)
            return std::chrono::seconds{*number};
        const auto unit = take_unit(text, next);
        if (!unit || *number > longest / units[*unit].seconds)
            return std::nullopt;
        sum += *number * units[*unit].seconds;
        next = *unit + 1;
        has_unit = true;
    } while (!text.empty());
    return sum <= longest ? std::optional{std::chrono::seconds{sum}} : std::nullopt;
}

std::chrono::seconds parse_duration(std::string_view text) {
    if (const auto span = read_duration(text))
        return *span;
    throw Error{Exit::usage, "\"" + shown(text) + "\" is not a duration",
                "give a number with a unit: 90s, 5m, 25h, 1h30m, 7d or 1w"};
}

} // namespace pbx

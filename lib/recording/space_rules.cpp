// Every value needs its unit: "20" could be bytes, days or a percentage.
#include "recording/space_rules.hpp"

#include "base/duration.hpp"
#include "base/error.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <string_view>
#include <utility>

namespace pbx::recording {

namespace {

// Returns nothing unless the text is "0%" to "90%".
std::optional<double> parse_share(std::string_view text) {
    constexpr unsigned most = 90;
    unsigned percent = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, fault] = std::from_chars(text.data(), end, percent);
    if (fault != std::errc{} || rest + 1 != end || *rest != '%' || percent > most)
        return std::nullopt;
    return percent / 100.0;
}

} // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
    constexpr std::array<std::pair<char, unsigned>, 4> units{{{'K', 10U}, {'M', 20U}, {'G', 30U}, {'T', 40U}}};
    std::uint64_t number = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, fault] = std::from_chars(text.data(), end, number);
    if (fault != std::errc{} || rest + 1 != end)
        return std::nullopt;
    for (const auto& [unit, shift] : units)
        if (*rest == unit && number <= std::numeric_limits<std::uint64_t>::max() >> shift)
            return number << shift;
    return std::nullopt;
}

std::uint64_t SpaceRules::reserve_of(std::uint64_t total) const {
    return reserve_share > 0 ? static_cast<std::uint64_t>(reserve_share * static_cast<double>(total)) : reserve_bytes;
}

void set_reserve(SpaceRules& rules, const std::string& text) {
    const auto share = parse_share(text);
    const auto size = share ? std::nullopt : parse_size(text);
    if (!share && !size)
        throw Error{Exit::config, "reserve \"" + text + "\" is neither a percentage nor a size",
                    "write 5%, at most 90%, or a size with its unit: 500M, 2G"};
    rules.reserve_share = share.value_or(0);
    rules.reserve_bytes = size.value_or(0);
}

void set_keep_stitched(SpaceRules& rules, const std::string& text) {
    rules.keep_time.reset();
    rules.keep_bytes = parse_size(text);
    if (rules.keep_bytes)
        return;
    const Error wrong{Exit::config, "keep-stitched \"" + text + "\" is neither a time nor a size",
                      "write a time with its unit, such as 30d, or a size: 500M, 20G"};
    if (text.find_last_not_of("0123456789") != text.size() - 1)
        throw Error{wrong};
    try {
        rules.keep_time = parse_duration(text);
    } catch (const Error&) {
        throw Error{wrong};
    }
}

} // namespace pbx::recording

// The texts come from a database, so every part of them is checked.
#include "cdr/pauses.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

namespace pbx::cdr {

namespace {

using std::chrono::seconds;

// Longer than any call, and short enough for every sum.
constexpr seconds latest = std::chrono::hours{24 * 366};

std::optional<seconds> parse_seconds(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc{} || end != text.data() + text.size() || number < 0 || number > latest.count())
        return std::nullopt;
    return seconds{number};
}

std::optional<Pause> parse_pause(std::string_view text) {
    const auto dash = text.find('-');
    const auto from = parse_seconds(text.substr(0, dash));
    if (dash == std::string_view::npos || !from)
        return std::nullopt;
    const auto rest = text.substr(dash + 1);
    if (rest.empty())
        return Pause{*from, std::nullopt};
    const auto until = parse_seconds(rest);
    return until && *until >= *from ? std::optional{Pause{*from, until}} : std::nullopt;
}

} // namespace

std::vector<Pause> parse_pauses(std::string_view texts) {
    std::map<seconds, std::optional<seconds>> found;
    while (!texts.empty()) {
        const auto end = std::min(texts.find(','), texts.size());
        if (const auto pause = parse_pause(texts.substr(0, end))) {
            auto& until = found[pause->from];
            until = std::max(until, pause->until); // nothing is less than any end
        }
        texts.remove_prefix(std::min(end + 1, texts.size()));
    }
    std::vector<Pause> pauses;
    pauses.reserve(found.size());
    for (const auto& [from, until] : found)
        pauses.push_back({from, until});
    return pauses;
}

std::string pauses_text(const std::vector<Pause>& pauses) {
    std::string text;
    for (const auto& pause : pauses)
        text += fmt::format("{}{}-{}", text.empty() ? "" : ",", pause.from.count(),
                            pause.until ? std::to_string(pause.until->count()) : "");
    return text;
}

} // namespace pbx::cdr

#include "listening/link.hpp"

#include "base/hmac.hpp"
#include "listening/percent.hpp"

#include <fmt/format.h>

#include <charconv>
#include <vector>

namespace pbx::listening {

namespace {

constexpr std::chrono::minutes clock_difference{1};

// The longest number of seconds that is read: it ends in the year 33658.
constexpr std::size_t most_digits = 12;

// The epoch for a text that is not a number of seconds.
std::chrono::sys_seconds parse_expiry(std::string_view text) {
    std::int64_t seconds = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, failed] = std::from_chars(text.data(), end, seconds);
    const bool is_number = failed == std::errc{} && rest == end && text.size() <= most_digits && seconds > 0;
    return std::chrono::sys_seconds{std::chrono::seconds{is_number ? seconds : 0}};
}

} // namespace

std::string link_signature(const Link& link, const LinkKey& key) {
    std::string text = "pbx-recording-link 1\n";
    std::vector fields{&link.call, &link.account, &link.leg, &link.expires, &link.may};
    if (!link.leg.empty())
        fields.push_back(&link.name);
    for (const auto* field : fields)
        text += fmt::format("{}:{}\n", field->size(), *field);
    return hmac_sha256(key.secret, text);
}

Link signed_link(Link link, const LinkKeys& keys) {
    link.key = keys.front().id;
    link.signature = link_signature(link, keys.front());
    return link;
}

std::string link_query(const Link& link) {
    std::string query = "account=" + percent_encoded(link.account);
    if (!link.leg.empty())
        query += "&leg=" + percent_encoded(link.leg) + "&name=" + percent_encoded(link.name);
    return query + fmt::format("&expires={}&may={}&key={}&signature={}", percent_encoded(link.expires),
                               percent_encoded(link.may), percent_encoded(link.key), percent_encoded(link.signature));
}

bool is_valid_link(const Link& link, const LinkKeys& keys, std::chrono::sys_seconds now) {
    bool is_signed = false;
    for (const auto& key : keys) {
        const bool is_same = is_same_secret(link_signature(link, key), link.signature);
        is_signed = is_signed || (is_same && key.id == link.key);
    }
    const bool is_in_time = now <= parse_expiry(link.expires) + clock_difference;
    const bool is_known = link.may == "play" || link.may == "download";
    return is_signed && is_in_time && is_known;
}

Grant grant_of(const Link& link) {
    return link.may == "download" ? Grant::download : Grant::play;
}

} // namespace pbx::listening

// rclone looks options up in this order: connection string, flags, RCLONE_CONFIG_<REMOTE>_<OPTION>,
// RCLONE_<BACKEND>_<OPTION>, configuration file. So the third place can replace the first.
#include "remote/connection.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace pbx {

namespace {

// The generated name of a remote that has none (":s3,...:").
constexpr std::string_view made_up = "pbx_inline";

struct Parts {
    std::string_view name; ///< ":s3" or "name"
    std::vector<std::pair<std::string, std::string>> options;
    std::string_view path;
};

Error unreadable(const char* why) {
    return {
        Exit::config, std::string{"the options in --remote cannot be read: "} + why,
        "quote a value with a comma or a colon in \"...\", and double each \" in it; or keep the options in rclone's "
        "own configuration (rclone config)"};
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Removes one option's value, up to its comma or colon, from the beginning of `rest`, and returns it.
std::string take_value(std::string_view& rest) {
    if (rest.empty() || (rest.front() != '"' && rest.front() != '\'')) {
        const auto end = rest.find_first_of(",:");
        if (end == std::string_view::npos)
            throw unreadable("a value does not end with a comma or a colon");
        std::string value{rest.substr(0, end)};
        rest.remove_prefix(end);
        return value;
    }
    const char quote = rest.front();
    std::string value;
    for (std::size_t i = 1; i < rest.size(); ++i) {
        if (rest[i] != quote) {
            value += rest[i];
        } else if (i + 1 < rest.size() && rest[i + 1] == quote) {
            value += rest[i++];
        } else {
            rest.remove_prefix(i + 1);
            return value;
        }
    }
    throw unreadable("a quoted value does not end");
}

// Nothing for a path without options.
std::optional<Parts> take_apart(std::string_view remote) {
    const auto end = remote.find_first_of(",:/", remote.front() == ':' ? 1 : 0);
    if (end == std::string_view::npos || remote[end] != ',' || remote.find(':', end) == std::string_view::npos)
        return std::nullopt;
    Parts parts;
    parts.name = remote.substr(0, end);
    auto rest = remote.substr(end);
    while (rest.front() != ':') {
        if (rest.front() != ',')
            throw unreadable("a quoted value is followed by neither a comma nor a colon");
        rest.remove_prefix(1);
        const auto length =
            std::min(static_cast<std::size_t>(
                         std::find_if_not(rest.begin(), rest.end(),
                                          [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '.'; }) -
                         rest.begin()),
                     rest.size());
        std::string option{rest.substr(0, length)};
        rest.remove_prefix(length);
        if (option.empty() || rest.empty() || (rest.front() != '=' && rest.front() != ',' && rest.front() != ':'))
            throw unreadable("an option's name has letters, digits and _ only, and ends with = or a comma or a colon");
        std::string value = "true";
        if (rest.front() == '=') {
            rest.remove_prefix(1);
            value = take_value(rest);
        }
        if (rest.empty())
            throw unreadable("there is no colon after the options");
        parts.options.emplace_back(std::move(option), std::move(value));
    }
    parts.path = rest.substr(1);
    return parts;
}

std::string upper(std::string_view text) {
    std::string result{text};
    std::transform(result.begin(), result.end(), result.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return result;
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
    return text;
}

// Also the options in a value that is a connection string itself, as crypt's `remote` may be: rclone quotes it in its
// own way.
void collect_values(const Parts& parts, std::vector<std::string>& values) {
    constexpr std::size_t shortest = 3;
    for (const auto& [option, value] : parts.options) {
        if (value.size() < shortest || value == "true" || value == "false")
            continue;
        values.push_back(value);
        try {
            if (const auto inner = take_apart(value))
                collect_values(*inner, values);
        } catch (const Error&) {
            continue; // only text with a comma and a colon
        }
    }
}

} // namespace

Connection parse_connection(const std::string& remote) {
    const auto parts = remote.empty() ? std::nullopt : take_apart(remote);
    if (!parts)
        return {remote, {}, remote, {}};
    const bool no_name = parts->name.front() == ':';
    const std::string name{no_name ? made_up : parts->name};
    if (std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
        throw unreadable("a remote with options has a name in ASCII only");
    Connection result;
    result.path = name + ":" + std::string{parts->path};
    result.shown = std::string{parts->name} + ",...:" + std::string{parts->path};
    const auto set = [&](const std::string& option, const std::string& value) {
        // Older versions have '_' for a dash in the remote's name; 1.60 and later leave it as it is.
        for (const auto& remote_name : std::set<std::string>{upper(name), replaced(upper(name), "-", "_")})
            result.environment.push_back(fmt::format("RCLONE_CONFIG_{}_{}={}", remote_name, upper(option), value));
    };
    for (const auto& [option, value] : parts->options)
        if (!no_name || option != "type")
            set(option, value);
    if (no_name)
        set("type", std::string{parts->name.substr(1)});
    collect_values(*parts, result.hidden);
    std::sort(result.hidden.begin(), result.hidden.end(),
              [](const auto& a, const auto& b) { return a.size() > b.size(); });
    return result;
}

std::string without_hidden(std::string text, const Connection& connection) {
    for (const auto& value : connection.hidden) {
        text = replaced(std::move(text), value, "...");
        const auto quoted = replaced(replaced(value, "\\", "\\\\"), "\"", "\\\"");
        if (quoted != value)
            text = replaced(std::move(text), quoted, "...");
    }
    return text;
}

} // namespace pbx

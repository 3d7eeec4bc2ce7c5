// Asterisk prints the names and ids of channels before the texts that come from the network, or after them.
#include "live/listings.hpp"

#include "base/lines.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pbx::live {

namespace {

std::string_view trimmed(std::string_view text) {
    const auto begin = std::min(text.find_first_not_of(" \t\r"), text.size());
    const auto end = text.find_last_not_of(" \t\r");
    return end == std::string_view::npos ? std::string_view{} : text.substr(begin, end + 1 - begin);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto end = std::min(text.find(separator), text.size());
        parts.push_back(text.substr(0, end));
        if (end == text.size())
            return parts;
        text.remove_prefix(end + 1);
    }
}

std::vector<std::string_view> words(std::string_view text) {
    auto parts = split(text, ' ');
    parts.erase(std::remove(parts.begin(), parts.end(), std::string_view{}), parts.end());
    return parts;
}

// Asterisk lists files without their extensions.
std::string with_extension(std::string_view file) {
    return std::string{file} + (file.empty() || file.ends_with(".wav") ? "" : ".wav");
}

} // namespace

std::string Recorder::arguments() const {
    const auto option = [](char letter, const std::string& path) {
        return path.empty() ? std::string{} : fmt::format("{}({})", letter, path);
    };
    return file + ',' + option('r', received) + option('t', transmitted);
}

std::vector<std::string> files_in(std::string_view arguments) {
    std::vector<std::string> files;
    const auto comma = std::min(arguments.find(','), arguments.size());
    if (comma > 0)
        files.emplace_back(arguments.substr(0, comma));
    auto options = arguments.substr(comma);
    for (auto open = options.find('('); open != std::string_view::npos; open = options.find('(')) {
        options.remove_prefix(open + 1);
        files.emplace_back(options.substr(0, options.find(')')));
    }
    return files;
}

std::string key_of(std::string_view id) {
    id.remove_prefix(id.rfind('-') + 1);
    std::string key;
    std::copy_if(id.begin(), id.end(), std::back_inserter(key),
                 [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
    return key;
}

std::vector<ListedChannel> channels_in(std::string_view listing) {
    // name!context!exten!priority!state!application!data!caller id!account!peer account!flags!duration!bridge!id
    constexpr std::size_t account_from_end = 6;
    constexpr std::size_t bridge_from_end = 2;
    std::vector<ListedChannel> channels;
    for (const auto line : Lines{listing}) {
        const auto fields = split(trimmed(line), '!');
        if (fields.size() > account_from_end && fields.front().find('/') != std::string_view::npos)
            channels.push_back({std::string{fields.front()}, std::string{fields[fields.size() - account_from_end]},
                                std::string{fields[fields.size() - bridge_from_end]}, std::string{fields.back()}});
    }
    return channels;
}

std::optional<ChannelIds> ids_in(std::string_view listing) {
    ChannelIds ids;
    for (const auto line : Lines{listing}) {
        const auto colon = line.find(": ");
        if (colon == std::string_view::npos)
            continue;
        const auto key = trimmed(line.substr(0, colon));
        // What follows is chosen by the caller.
        if (key == "Caller ID")
            break;
        auto* value = key == "Name"       ? &ids.name
                      : key == "UniqueID" ? &ids.unique
                      : key == "LinkedID" ? &ids.linked
                                          : nullptr;
        if (value != nullptr)
            *value = trimmed(line.substr(colon + 1));
    }
    if (ids.name.empty() || ids.unique.empty() || ids.linked.empty())
        return std::nullopt;
    return ids;
}

std::vector<Recorder> recorders_in(std::string_view listing) {
    std::vector<Recorder> recorders;
    for (const auto line : Lines{listing}) {
        const auto fields = split(line, '\t');
        if (fields.size() <= 1 || !fields.front().starts_with("0x"))
            continue;
        const auto file = [&](std::size_t column) {
            return with_extension(column < fields.size() ? trimmed(fields[column]) : std::string_view{});
        };
        recorders.push_back({std::string{fields[0]}, file(1), file(2), file(3)});
    }
    return recorders;
}

std::map<std::string, std::string> entries_in(std::string_view listing) {
    std::map<std::string, std::string> entries;
    for (const auto line : Lines{listing}) {
        const auto colon = line.find(": ");
        const auto key_begin = line.find('/', 1);
        if (line.starts_with('/') && colon != std::string_view::npos && key_begin < colon)
            entries.emplace(trimmed(line.substr(key_begin + 1, colon - key_begin - 1)),
                            trimmed(line.substr(colon + 1)));
    }
    return entries;
}

std::vector<GroupedChannel> groups_in(std::string_view listing) {
    std::vector<GroupedChannel> channels;
    for (const auto line : Lines{listing}) {
        const auto parts = words(trimmed(line));
        if (parts.size() == 3 && parts.front().find('/') != std::string_view::npos)
            channels.push_back({std::string{parts[0]}, std::string{parts[1]}, std::string{parts[2]}});
    }
    return channels;
}

std::string_view endpoint_in(std::string_view channel) {
    return channel.starts_with("Local/") ? std::string_view{} : channel.substr(0, channel.rfind('-'));
}

} // namespace pbx::live

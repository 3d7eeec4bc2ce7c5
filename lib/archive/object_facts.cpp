// Other programs may write into the spool, so nothing in the journal is believed before it is checked.
#include "archive/object_facts.hpp"

#include "base/error.hpp"
#include "base/name.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

namespace pbx::archive {

namespace {

using nlohmann::json;

constexpr std::array codecs{"pcm8", "pcm16", "pcm24", "pcm32", "mulaw", "alaw", "gsm"};

json number_or_null(const std::optional<double>& decibels) {
    return decibels ? json(std::round(*decibels * 100) / 100) : json();
}

json levels_of(const std::vector<audio::ChannelLevels>& levels) {
    if (levels.empty())
        return {};
    auto list = json::array();
    for (const auto& channel : levels)
        list.push_back({{"peak", number_or_null(channel.peak)},
                        {"rms", number_or_null(channel.rms)},
                        {"silence", std::round(channel.silence * 1000) / 1000}});
    return list;
}

// What a manifest states about its call may be any bytes.
bool is_plain_text(std::string_view text) {
    return text.size() <= 255 && is_utf8(text) && std::all_of(text.begin(), text.end(), [](char c) {
               return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
           });
}

bool is_hex(std::string_view text, std::size_t length) {
    return text.size() == length && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_whole_number(const json& value, std::uint64_t most) {
    return value.is_number_unsigned() && value.get<std::uint64_t>() <= most;
}

bool is_finite(const json& value) {
    return value.is_number() && std::abs(value.get<double>()) < 1e9;
}

bool are_levels(const json& value) {
    return value.is_array() && value.size() <= 2 && std::all_of(value.begin(), value.end(), [](const json& channel) {
               if (!channel.is_object() || channel.size() != 3)
                   return false;
               const auto fits = [&](const char* key, bool may_be_null) {
                   const auto found = channel.find(key);
                   return found != channel.end() && ((may_be_null && found->is_null()) || is_finite(*found));
               };
               return fits("peak", true) && fits("rms", true) && fits("silence", false);
           });
}

constexpr std::uint64_t most_int = std::numeric_limits<std::int32_t>::max();
constexpr std::uint64_t most_bigint = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t latest = 253370764800'000'000; // the year 9999, in microseconds

bool text_is(const json& value, bool (*check)(std::string_view)) {
    return value.is_string() && check(value.get_ref<const std::string&>());
}

struct Column {
    const char* name;
    bool is_required;
    bool (*accepts)(const json& value);
};

constexpr std::array columns{
    Column{"shelf", true, [](const json& v) { return v == "legs" || v == "stitched"; }},
    Column{"name", true,
           [](const json& v) { return text_is(v, [](std::string_view t) { return remote_name_fault(t).empty(); }); }},
    Column{"size", true, [](const json& v) { return is_whole_number(v, most_bigint); }},
    Column{"md5", true, [](const json& v) { return text_is(v, [](std::string_view t) { return is_hex(t, 32); }); }},
    Column{"archived_at", true, [](const json& v) { return is_whole_number(v, latest); }},
    Column{"sha256", false, [](const json& v) { return text_is(v, [](std::string_view t) { return is_hex(t, 64); }); }},
    Column{"node", false, [](const json& v) { return text_is(v, is_plain_text); }},
    Column{"accountcode", false, [](const json& v) { return text_is(v, is_plain_text); }},
    Column{"linkedid", false, [](const json& v) { return text_is(v, is_plain_text); }},
    Column{"frames", false, [](const json& v) { return is_whole_number(v, most_bigint); }},
    Column{"rate", false, [](const json& v) { return is_whole_number(v, most_int); }},
    Column{"channels", false, [](const json& v) { return is_whole_number(v, most_int); }},
    Column{
        "codec", false,
        [](const json& v) { return std::any_of(codecs.begin(), codecs.end(), [&](const char* c) { return v == c; }); }},
    Column{"levels", false, are_levels},
    Column{"unfinished", false, [](const json& v) { return v.is_boolean(); }},
};

std::string name_in(const json& line) {
    const auto name = line.is_object() ? line.find("name") : line.end();
    return line.is_object() && name != line.end() && name->is_string() ? shown(name->get_ref<const std::string&>())
                                                                       : "";
}

} // namespace

json facts_of(Shelf shelf, const std::string& name, const audio::FileFacts& found) {
    const auto& content = found.content;
    json facts{{"shelf", name_of(shelf)}, {"name", name}, {"size", content.size}, {"md5", content.md5}};
    if (!content.sha256.empty())
        facts["sha256"] = content.sha256;
    if (const auto& audio = found.audio) {
        facts["frames"] = audio->frames;
        facts["rate"] = audio->rate;
        facts["channels"] = audio->channels;
        facts["codec"] = audio->codec;
        facts["levels"] = levels_of(audio->levels);
        facts["unfinished"] = audio->unfinished;
    }
    return facts;
}

json facts_of(const SourceFile& file, Shelf shelf, const std::string& node,
              std::chrono::sys_time<std::chrono::microseconds> archived_at) {
    auto facts = facts_of(shelf, file.name, file.facts);
    facts["archived_at"] = static_cast<std::uint64_t>(archived_at.time_since_epoch().count());
    if (!node.empty())
        facts["node"] = node;
    if (!file.linkedid.empty() && is_plain_text(file.linkedid) && is_plain_text(file.accountcode)) {
        facts["linkedid"] = file.linkedid;
        facts["accountcode"] = file.accountcode;
    }
    return facts;
}

json parse_facts(std::string_view line) {
    const auto stated = json::parse(line, nullptr, false);
    if (stated.is_discarded())
        return {};
    json facts;
    for (const auto& column : columns) {
        const auto value = stated.is_object() ? stated.find(column.name) : stated.end();
        const bool is_absent = !stated.is_object() || value == stated.end() || value->is_null();
        if (is_absent ? column.is_required : !column.accepts(*value))
            throw Error{Exit::data, fmt::format("facts of \"{}\" refused: {} is missing or not valid", name_in(stated),
                                                column.name)};
        if (!is_absent)
            facts[column.name] = *value;
    }
    return facts;
}

} // namespace pbx::archive

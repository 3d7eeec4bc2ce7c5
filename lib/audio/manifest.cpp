// The manifest as JSON. It is read back from disks and buckets, so nothing in it is trusted before it is checked.
#include "audio/manifest.hpp"

#include "base/error.hpp"
#include "base/name.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>
#include <unordered_set>

namespace pbx::audio {

namespace {

// A name is any bytes, and JSON is UTF-8: names that are not UTF-8 are compared as JSON would store them.
std::string text_of(const nlohmann::json& value) {
    return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string as_written(const std::string& name) {
    if (is_utf8(name))
        return name;
    return nlohmann::json::parse(text_of(nlohmann::json(name))).get<std::string>();
}

// get<Frames>() would convert a negative number, or one of a hundred digits, to some count; a reference to a whole
// number exists only where there is one.
Frames frames_in(const nlohmann::json& value) {
    return value.get_ref<const nlohmann::json::number_unsigned_t&>();
}

} // namespace

bool Manifest::lists(const std::vector<std::string>& names) const {
    std::unordered_set<std::string_view> without_audio;
    for (const auto* list : {&empty, &missing, &unreadable})
        without_audio.insert(list->begin(), list->end());
    auto leg = legs.begin();
    std::size_t others = 0;
    for (const auto& name : names) {
        const auto written = as_written(name);
        if (leg != legs.end() && leg->name == written) {
            ++leg;
            continue;
        }
        if (!without_audio.contains(written))
            return false;
        ++others;
    }
    return leg == legs.end() && others == empty.size() + missing.size() + unreadable.size();
}

bool Manifest::fits(const WavHeader& header) const {
    Frames end = 0;
    for (const auto& leg : legs) {
        if (leg.start != end || leg.frames > header.data_size - end)
            return false;
        end += leg.frames;
    }
    return end * header.format.block == header.data_size;
}

std::vector<std::string> Manifest::lacking(const std::vector<std::string>& names) const {
    std::unordered_set<std::string_view> known{empty.begin(), empty.end()};
    known.insert(unreadable.begin(), unreadable.end());
    for (const auto& leg : legs)
        known.insert(leg.name);
    std::vector<std::string> result;
    std::copy_if(names.begin(), names.end(), std::back_inserter(result),
                 [&](const std::string& name) { return !known.contains(as_written(name)); });
    return result;
}

std::string Manifest::first_audible(const std::vector<std::string>& names) const {
    std::unordered_set<std::string> wanted;
    for (const auto& name : names)
        wanted.insert(as_written(name));
    const auto leg = std::find_if(legs.begin(), legs.end(),
                                  [&](const Leg& each) { return each.frames > 0 && wanted.contains(each.name); });
    return leg == legs.end() ? std::string{} : leg->name;
}

bool Manifest::is_all_missing() const {
    return !missing.empty() && legs.empty() && empty.empty() && unreadable.empty();
}

std::size_t Manifest::audible() const {
    return static_cast<std::size_t>(
        std::count_if(legs.begin(), legs.end(), [](const Leg& leg) { return leg.frames > 0; }));
}

// The same text as nlohmann's dump() writes, but without its tree, which takes half a kilobyte per leg.
std::string Manifest::comment() const {
    std::string text = "{";
    if (!consent.empty())
        text += R"("consent":)" + text_of(consent) + ',';
    text += R"("empty":)" + text_of(empty);
    if (!header_xxh128.empty())
        text += R"(,"header":)" + text_of(header_xxh128);
    text += R"(,"legs":[)";
    for (const auto& leg : legs) {
        text += &leg == &legs.front() ? "{" : ",{";
        if (trimmed)
            text += fmt::format(R"("dropped":{},)", leg.dropped);
        text += fmt::format(R"("frames":{},"name":{},"start":{}}})", leg.frames, text_of(leg.name), leg.start);
    }
    text += R"(],"missing":)" + text_of(missing);
    if (!mono.empty())
        text += R"(,"mono":)" + text_of(mono);
    if (trimmed)
        text += R"(,"overlap":"trim")";
    if (!paused.empty())
        text += R"(,"paused":)" + text_of(paused);
    text += R"(,"unreadable":)" + text_of(unreadable);
    if (!xxh128.empty())
        text += R"(,"xxh128":)" + text_of(xxh128);
    return text + "}";
}

std::optional<Manifest> Manifest::from(const WavHeader& header) {
    const auto json = nlohmann::json::parse(header.info.comment, nullptr, false);
    if (!json.is_object())
        return std::nullopt;
    Manifest manifest;
    manifest.linkedid = header.info.title;
    manifest.accountcode = header.info.artist;
    manifest.started = header.info.date;
    try {
        for (const auto& leg : json.at("legs"))
            manifest.legs.push_back({leg.at("name").get<std::string>(), frames_in(leg.at("start")),
                                     frames_in(leg.at("frames")),
                                     leg.contains("dropped") ? frames_in(leg["dropped"]) : Frames{0}});
        manifest.trimmed = json.value("overlap", "keep") == "trim";
        manifest.mono = json.value("mono", std::vector<std::string>{});
        json.at("empty").get_to(manifest.empty);
        json.at("missing").get_to(manifest.missing);
        json.at("unreadable").get_to(manifest.unreadable);
        manifest.consent = json.value("consent", std::string{});
        manifest.paused = json.value("paused", std::string{});
        manifest.xxh128 = json.value("xxh128", std::string{});
        manifest.header_xxh128 = json.value("header", std::string{});
    } catch (const nlohmann::json::exception&) {
        return std::nullopt;
    }
    return manifest;
}

std::optional<Manifest> find_manifest(std::string_view beginning) {
    try {
        const auto header = parse_wav_header(beginning);
        return header ? Manifest::from(*header) : std::nullopt;
    } catch (const Error&) {
        return std::nullopt;
    }
}

} // namespace pbx::audio

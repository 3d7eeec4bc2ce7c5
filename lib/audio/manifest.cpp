// The manifest as JSON. It is read back from disks and buckets, so nothing in it is believed before it is checked.
#include "audio/manifest.hpp"

#include "base/error.hpp"
#include "base/name.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace pbx::audio {

namespace {

// Names are bytes to us and UTF-8 to JSON: what is not UTF-8 is compared in its replaced form on both sides.
std::string text_of(const nlohmann::json& value) {
    return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string as_written(const std::string& name) {
    return nlohmann::json::parse(text_of(nlohmann::json(name))).get<std::string>();
}

} // namespace

bool Manifest::lists(const std::vector<std::string>& names) const {
    auto leg = legs.begin();
    std::size_t others = 0;
    for (const auto& name : names) {
        const auto written = as_written(name);
        if (leg != legs.end() && leg->name == written) {
            ++leg;
            continue;
        }
        const auto in = [&](const std::vector<std::string>& list) {
            return std::find(list.begin(), list.end(), written) != list.end();
        };
        if (!in(empty) && !in(missing) && !in(unreadable))
            return false;
        ++others;
    }
    return leg == legs.end() && others == empty.size() + missing.size() + unreadable.size();
}

std::size_t Manifest::audible() const {
    return static_cast<std::size_t>(
        std::count_if(legs.begin(), legs.end(), [](const Leg& leg) { return leg.frames > 0; }));
}

bool Manifest::mentions(std::string_view name) const {
    const auto written = as_written(std::string{name});
    const auto in = [&](const std::vector<std::string>& list) {
        return std::find(list.begin(), list.end(), written) != list.end();
    };
    return in(empty) || in(missing) || in(unreadable) ||
           std::any_of(legs.begin(), legs.end(), [&](const Leg& leg) { return leg.name == written; });
}

std::string Manifest::comment() const {
    auto list = nlohmann::json::array();
    for (const auto& leg : legs) {
        list.push_back({{"name", leg.name}, {"start", leg.start}, {"frames", leg.frames}});
        if (trimmed)
            list.back()["dropped"] = leg.dropped;
    }
    nlohmann::json json{{"legs", list}, {"empty", empty}, {"missing", missing}, {"unreadable", unreadable}};
    if (trimmed)
        json["overlap"] = "trim";
    return text_of(json);
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
            manifest.legs.push_back({leg.at("name").get<std::string>(), leg.at("start").get<Frames>(),
                                     leg.at("frames").get<Frames>(), leg.value("dropped", Frames{0})});
        manifest.trimmed = json.value("overlap", "keep") == "trim";
        json.at("empty").get_to(manifest.empty);
        json.at("missing").get_to(manifest.missing);
        json.at("unreadable").get_to(manifest.unreadable);
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

// Only the id decides anything; the rest is for whoever finds the file.
#include "remote/archive_marker.hpp"

#include "base/moment.hpp"
#include "base/random.hpp"

#include <nlohmann/json.hpp>
#include <version.hpp>

#include <cstddef>

namespace pbx {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* hex_digits = "0123456789abcdef";
constexpr std::size_t id_length = 32; // 128 bits

std::string string_at(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

} // namespace

ArchiveMarker make_archive_marker(std::chrono::sys_seconds now) {
    return {random_text(hex_digits, id_length), utc_time(now), version};
}

bool is_archive_id(std::string_view text) {
    return text.size() == id_length && text.find_first_not_of(hex_digits) == std::string_view::npos;
}

std::string to_json(const ArchiveMarker& marker) {
    const Json json{{"id", marker.id},
                    {"made", marker.made},
                    {"version", marker.version},
                    {"about", "pbx-archive stores recordings here; it stops when this file is missing"}};
    return json.dump(2) + "\n";
}

std::optional<ArchiveMarker> parse_archive_marker(std::string_view text) {
    const auto json = Json::parse(text, nullptr, false);
    if (!json.is_object())
        return std::nullopt;
    ArchiveMarker marker{string_at(json, "id"), string_at(json, "made"), string_at(json, "version")};
    return is_archive_id(marker.id) ? std::optional{std::move(marker)} : std::nullopt;
}

} // namespace pbx

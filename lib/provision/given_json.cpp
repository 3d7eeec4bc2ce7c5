// nlohmann's parser needs no stack for depth, but its dump() and comparison do.
#include "provision/given_json.hpp"

namespace pbx::provision {

Json parse_json(std::string_view text) {
    constexpr int deepest = 32;
    bool is_too_deep = false;
    const auto is_kept = [&](int depth, Json::parse_event_t /*event*/, const Json& /*value*/) {
        is_too_deep = is_too_deep || depth > deepest;
        return !is_too_deep;
    };
    auto value = Json::parse(text, is_kept, false);
    return is_too_deep ? Json(Json::value_t::discarded) : value;
}

} // namespace pbx::provision

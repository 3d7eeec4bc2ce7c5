// Asterisk's default is ip,username,anonymous: a trunk whose address is that of an office takes the calls of its
// phones.
#include "deploy/identifier_order.hpp"

#include "dialplan/conf_lines.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pbx::deploy {

const char* const order_hint = "put these lines into pjsip.conf and restart Asterisk: [global] / type=global / "
                               "endpoint_identifier_order=username,ip,anonymous";

std::vector<std::string> list_entries(std::string_view text) {
    std::vector<std::string> result;
    while (!text.empty()) {
        const auto length = std::min(text.find(','), text.size());
        auto part = dialplan::lower(text.substr(0, length));
        part.erase(std::remove_if(part.begin(), part.end(), [](unsigned char c) { return c <= ' '; }), part.end());
        result.push_back(std::move(part));
        text.remove_prefix(std::min(length + 1, text.size()));
    }
    return result;
}

bool names_come_first(const std::vector<std::string>& order) {
    const auto name = std::find(order.begin(), order.end(), "username");
    return name != order.end() && name < std::find(order.begin(), order.end(), "ip");
}

std::string order_fault(const std::string& order) {
    if (names_come_first(list_entries(order)))
        return {};
    return fmt::format("endpoint_identifier_order is {}: a trunk whose address is that of an office takes the calls of "
                       "its phones",
                       order.empty() ? "not set, so Asterisk looks at addresses first" : dialplan::harmless(order));
}

} // namespace pbx::deploy

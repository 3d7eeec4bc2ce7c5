// Programs that try to register as a phone begin with passwords that can be derived from the user name.
#include "dialplan/password.hpp"

#include "dialplan/conf_lines.hpp"

#include <algorithm>
#include <string>

namespace pbx::dialplan {

namespace {

constexpr std::ptrdiff_t shortest = 12; // characters

} // namespace

std::string_view password_fault(const tenants::User& user, std::string_view endpoint) {
    const auto password = lower(user.sip_password);
    const auto name = lower(user.full_name);
    std::string joined;
    bool equal = password == lower(user.extension) || password == lower(user.username) || password == lower(endpoint) ||
                 password == name;
    for (std::size_t at = 0; at < name.size();) {
        const auto end = std::min(name.find(' ', at), name.size());
        const auto word = name.substr(at, end - at);
        equal = equal || password == word;
        joined += word;
        at = end + 1;
    }
    if (equal || password == joined)
        return "is equal to the user's name or number";
    // In UTF-8 each character has exactly one byte that is not a continuation byte.
    const auto characters = std::count_if(password.begin(), password.end(),
                                          [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; });
    return characters < shortest ? "is shorter than 12 characters" : "";
}

} // namespace pbx::dialplan

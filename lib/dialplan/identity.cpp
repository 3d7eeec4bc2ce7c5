// Comparing plain texts would let a tenant take another's number or host under a different spelling.
#include "dialplan/identity.hpp"

#include "dialplan/conf_lines.hpp"

#include <arpa/inet.h>

#include <array>
#include <cstring>

namespace pbx::dialplan {

namespace {

std::string text_of(int family, const void* address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    return ::inet_ntop(family, address, text.data(), text.size()) == nullptr ? std::string{} : std::string{text.data()};
}

} // namespace

std::string canonical_number(std::string_view number) {
    std::string digits;
    for (const char c : number)
        if (c >= '0' && c <= '9')
            digits += c;
        else if (std::string_view{" +()-./"}.find(c) == std::string_view::npos)
            return {};
    return digits;
}

std::string international_number(std::string_view number) {
    auto digits = canonical_number(number);
    if (digits.size() > 2 && digits.starts_with("00"))
        digits.erase(0, 2);
    return digits;
}

std::string canonical_host(std::string_view host) {
    auto name = lower(host);
    if (name.size() > 2 && name.front() == '[' && name.back() == ']')
        name = name.substr(1, name.size() - 2);
    in6_addr v6{};
    if (::inet_pton(AF_INET6, name.c_str(), &v6) == 1) {
        if (!IN6_IS_ADDR_V4MAPPED(&v6))
            return text_of(AF_INET6, &v6);
        in_addr mapped{};
        std::memcpy(&mapped, &v6.s6_addr[12], sizeof mapped);
        return text_of(AF_INET, &mapped);
    }
    // Asterisk asks getaddrinfo(), which reads "127.1", "0x7f000001" and octal parts like inet_aton() does.
    in_addr v4{};
    if (::inet_aton(name.c_str(), &v4) != 0)
        return text_of(AF_INET, &v4);
    while (name.size() > 1 && name.back() == '.')
        name.pop_back();
    return name;
}

} // namespace pbx::dialplan

#include "listening/percent.hpp"

#include <fmt/format.h>

#include <charconv>

namespace pbx::listening {

namespace {

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

// The byte that two hex digits stand for; 0 when they are not two hex digits.
unsigned char byte_of(std::string_view digits) {
    unsigned char byte = 0;
    const auto* const end = digits.data() + digits.size();
    const auto [rest, failed] = std::from_chars(digits.data(), end, byte, 16);
    return digits.size() == 2 && failed == std::errc{} && rest == end ? byte : 0;
}

} // namespace

std::string percent_encoded(std::string_view text) {
    std::string result;
    for (const char c : text)
        result += is_unreserved(c) ? std::string{c} : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    return result;
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const bool is_encoded = text.front() == '%';
        const char byte = is_encoded ? static_cast<char>(byte_of(text.substr(1, 2))) : text.front();
        if (byte == '\0')
            return std::nullopt;
        result += byte;
        text.remove_prefix(is_encoded ? 3 : 1);
    }
    return result;
}

} // namespace pbx::listening

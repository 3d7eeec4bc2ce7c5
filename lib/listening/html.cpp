#include "listening/html.hpp"

#include "base/error.hpp"
#include "listening/page_style.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

namespace pbx::listening {

namespace {

// A source expression of Content Security Policy Level 3 for an element with this text.
std::string source_of(std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned int length = 0;
    if (::EVP_Digest(text.data(), text.size(), hash.data(), &length, EVP_sha256(), nullptr) != 1)
        throw Error{Exit::software, "OpenSSL cannot compute this hash"};
    std::array<unsigned char, std::size_t{2} * EVP_MAX_MD_SIZE> encoded{};
    const auto size = ::EVP_EncodeBlock(encoded.data(), hash.data(), static_cast<int>(length));
    return "'sha256-" + std::string{encoded.begin(), encoded.begin() + size} + "'";
}

} // namespace

std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        switch (c) {
        case '&':
            result += "&amp;";
            break;
        case '<':
            result += "&lt;";
            break;
        case '>':
            result += "&gt;";
            break;
        case '"':
            result += "&quot;";
            break;
        case '\'':
            result += "&#39;";
            break;
        default:
            result += c;
        }
    }
    return result;
}

Page make_page(std::string_view title, std::string_view content, std::string_view script) {
    Page page;
    page.html = fmt::format("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                            "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n{}</main>\n",
                            escaped(title), page_style, content);
    if (!script.empty())
        page.html += fmt::format("<script>{}</script>\n", script);
    page.html += "</body>\n</html>\n";
    page.policy = fmt::format("default-src 'none'; style-src {}; script-src {}; media-src 'self'; connect-src 'self'; "
                              "base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
                              source_of(page_style), script.empty() ? "'none'" : source_of(script));
    return page;
}

} // namespace pbx::listening

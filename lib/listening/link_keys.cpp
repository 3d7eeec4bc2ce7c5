#include "listening/link_keys.hpp"

#include "base/error.hpp"
#include "base/lines.hpp"
#include "base/trust.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace pbx::listening {

namespace {

constexpr std::size_t shortest_secret = 32; // bytes, the length of a SHA-256
constexpr std::size_t most_keys = 2;
constexpr const char* make_a_key = "write a line with an id, a blank and the output of: openssl rand -hex 32";

constexpr std::string_view hex_digits = "0123456789abcdefABCDEF";
constexpr std::string_view letters_and_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

bool consists_of(std::string_view text, std::string_view characters) {
    return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

std::string from_hex(std::string_view digits) {
    std::string bytes;
    for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
        unsigned char byte = 0;
        std::from_chars(digits.data() + at, digits.data() + at + 2, byte, 16);
        bytes += static_cast<char>(byte);
    }
    return bytes;
}

// Either alphabet of RFC 4648, with or without the padding. Empty when it is not base64.
std::string from_base64(std::string text) {
    while (!text.empty() && text.back() == '=')
        text.pop_back();
    std::replace(text.begin(), text.end(), '-', '+');
    std::replace(text.begin(), text.end(), '_', '/');
    if (!consists_of(text, std::string{letters_and_digits} + "+/") || text.size() % 4 == 1)
        return {};
    const auto padding = (4 - text.size() % 4) % 4;
    text.append(padding, '=');
    std::string bytes(text.size() / 4 * 3, '\0');
    const auto length =
        ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                          reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    bytes.resize(length < 0 ? 0 : static_cast<std::size_t>(length) - padding);
    return bytes;
}

std::string decoded(const std::string& secret) {
    return consists_of(secret, hex_digits) && secret.size() % 2 == 0 ? from_hex(secret) : from_base64(secret);
}

class Reader {
  public:
    explicit Reader(const std::string& path) : path_{path} {}

    LinkKeys read(std::string_view text) {
        for (const auto line : Lines{text}) {
            ++number_;
            if (consists_of(line, " \t\r") || line.empty() || line.starts_with('#'))
                continue;
            add(line);
        }
        if (keys_.empty())
            throw Error{Exit::config, path_ + " has no key", make_a_key};
        return std::move(keys_);
    }

  private:
    // The line is not shown: it is a secret.
    [[noreturn]] void fail(const std::string& fault, const char* hint = make_a_key) const {
        throw Error{Exit::config, fmt::format("{}:{}: {}", path_, number_, fault), hint};
    }

    void add(std::string_view line) {
        constexpr std::string_view blanks = " \t\r";
        const auto id = line.substr(0, line.find_first_of(blanks));
        auto secret = line.substr(id.size());
        secret.remove_prefix(std::min(secret.find_first_not_of(blanks), secret.size()));
        secret = secret.substr(0, secret.find_last_not_of(blanks) + 1);
        LinkKey key{std::string{id}, decoded(std::string{secret})};
        if (!consists_of(id, std::string{letters_and_digits} + "-_") || id.size() > 16)
            fail("the line does not begin with the key's id, 1 to 16 letters, digits, - and _");
        if (key.secret.size() < shortest_secret)
            fail("the secret is not hex or base64 of at least 32 bytes");
        if (std::any_of(keys_.begin(), keys_.end(), [&](const LinkKey& other) { return other.id == key.id; }))
            fail("there are two keys with this id", "give the new key an id that no link has");
        if (keys_.size() == most_keys)
            fail("there are more than two keys", "remove the oldest: its links have expired, or must not be valid");
        keys_.push_back(std::move(key));
    }

    const std::string& path_;
    std::size_t number_ = 0;
    LinkKeys keys_;
};

} // namespace

LinkKeys parse_link_keys(std::string_view text, const std::string& path) {
    return Reader{path}.read(text);
}

LinkKeys read_link_keys(const std::filesystem::path& path) {
    constexpr std::size_t most = 65536;
    const auto text = read_secret(path, most);
    if (!text)
        throw Error{Exit::config, "there is no file of link keys " + path.native(),
                    "make it as the user who reads it: (umask 077; echo 1 $(openssl rand -hex 32) >" + path.native() +
                        ")"};
    return parse_link_keys(*text, path.native());
}

} // namespace pbx::listening

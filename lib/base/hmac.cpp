#include "base/hmac.hpp"

#include "base/error.hpp"
#include "base/hash.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace pbx {

std::string hmac_sha256(std::string_view key, std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned int length = 0;
    if (::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
               reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes.data(), &length) == nullptr)
        throw Error{Exit::software, "OpenSSL cannot compute an HMAC"};
    return hex_of({reinterpret_cast<const char*>(bytes.data()), length});
}

bool is_same_secret(std::string_view one, std::string_view other) {
    return one.size() == other.size() && ::CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

} // namespace pbx

// EVP digests. MD5 is only for comparison with the hash that the cloud computes, not for security.
#include "base/hash.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

namespace pbx {

void Hash::Free::operator()(void* context) const {
    EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context));
}

Hash::Hash(Algorithm algorithm) : context_{EVP_MD_CTX_new()} {
    const EVP_MD* digest = algorithm == Algorithm::md5 ? EVP_md5() : EVP_sha256();
    if (!context_ || EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_.get()), digest, nullptr) != 1)
        throw Error{Exit::software, "OpenSSL cannot compute this hash"};
}

void Hash::add(std::string_view data) {
    if (EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_.get()), data.data(), data.size()) != 1)
        throw Error{Exit::software, "OpenSSL cannot compute this hash"};
}

std::string Hash::hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned int length = 0;
    if (EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_.get()), bytes.data(), &length) != 1)
        throw Error{Exit::software, "OpenSSL cannot compute this hash"};
    return hex_of({reinterpret_cast<const char*>(bytes.data()), length});
}

std::string hex_of(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes)
        text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return text;
}

std::string sha256_of(std::string_view text) {
    Hash hash{Hash::Algorithm::sha256};
    hash.add(text);
    return hash.hex();
}

std::string md5_of_file(int fd, std::uint64_t length, std::string_view what) {
    Hash hash{Hash::Algorithm::md5};
    read_blocks(fd, 0, length, what, [&](std::string_view bytes) { hash.add(bytes); });
    return hash.hex();
}

std::string sha256_of_range(int fd, std::uint64_t offset, std::uint64_t length, std::string_view what) {
    Hash hash{Hash::Algorithm::sha256};
    read_blocks(fd, offset, length, what, [&](std::string_view bytes) { hash.add(bytes); });
    return hash.hex();
}

} // namespace pbx

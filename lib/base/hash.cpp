// EVP digests: MD5 is what the cloud itself computes of an object, not a defence.
#include "base/hash.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <vector>

namespace pbx {

void Hash::Free::operator()(void* context) const {
    EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context));
}

Hash::Hash(Kind kind) : context_{EVP_MD_CTX_new()} {
    const EVP_MD* algorithm = kind == Kind::md5 ? EVP_md5() : EVP_sha256();
    if (!context_ || EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_.get()), algorithm, nullptr) != 1)
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
    std::string text;
    for (unsigned int i = 0; i < length; ++i)
        text += fmt::format("{:02x}", bytes.at(i));
    return text;
}

std::string md5_of_file(int fd, std::uint64_t length, std::string_view what) {
    Hash hash{Hash::Kind::md5};
    std::vector<char> buffer(std::min<std::uint64_t>(std::max<std::uint64_t>(length, 1), 1U << 20U));
    for (std::uint64_t done = 0; done < length;) {
        const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), length - done));
        const auto got = read_at(fd, std::span{buffer}.first(want), done, what);
        if (got == 0)
            throw Error{Exit::io, std::string{what} + " became shorter while it was read"};
        hash.add({buffer.data(), got});
        done += got;
    }
    return hash.hex();
}

} // namespace pbx

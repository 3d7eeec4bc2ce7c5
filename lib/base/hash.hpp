// MD5 and SHA-256, by OpenSSL's libcrypto.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace pbx {

class Hash {
  public:
    enum class Algorithm { md5, sha256 };

    explicit Hash(Algorithm algorithm);
    void add(std::string_view data);
    /// Lower-case hex. Do not call add() afterwards.
    std::string hex();

  private:
    struct Free {
        void operator()(void* context) const;
    };
    std::unique_ptr<void, Free> context_;
};

/// Bytes in lower-case hex.
std::string hex_of(std::string_view bytes);

/// SHA-256 of a text, in lower-case hex.
std::string sha256_of(std::string_view text);

/// MD5 of the first `length` bytes of an open file. Throws Error (io), also when the file is shorter.
std::string md5_of_file(int fd, std::uint64_t length, std::string_view what);

/// SHA-256 of `length` bytes of an open file, from `offset`. Throws Error (io), also when the file is shorter.
std::string sha256_of_range(int fd, std::uint64_t offset, std::uint64_t length, std::string_view what);

} // namespace pbx

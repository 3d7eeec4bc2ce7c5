// What identifies a sequence of bytes: its size and hashes.
#pragma once

#include "base/hash.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace pbx {

struct Content {
    std::uint64_t size = 0; ///< bytes
    std::string md5;        ///< lower-case hex, like sha256; empty: not known
    std::string sha256;

    /// Whether `found` can be what this describes: a hash is compared where both have it.
    bool matches(const Content& found) const;
};

/// "1234 bytes, MD5 ..., SHA-256 ...", as far as they are known.
std::string describe(const Content& content);

/// "expected ..., found ...".
std::string describe_difference(const Content& expected, const Content& found);

/// By object name.
using KnownContents = std::map<std::string, Content>;

/// Takes the size and both hashes of bytes as they flow.
class ContentHash {
  public:
    void add(std::string_view data);
    std::uint64_t size() const { return size_; }
    /// Do not call add() afterwards.
    Content finish();

  private:
    std::uint64_t size_ = 0;
    Hash md5_{Hash::Algorithm::md5};
    Hash sha256_{Hash::Algorithm::sha256};
};

/// Whether an open file has this content, as far as it is known: SHA-256 decides where it is. Throws Error (io).
bool has_content(int fd, const Content& expected, std::string_view what);

/// The content of an open file. Throws Error (io).
Content content_of_file(int fd, std::string_view what);

} // namespace pbx

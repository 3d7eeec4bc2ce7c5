// Both hashes in one pass.
#include "base/content.hpp"

#include "base/fd.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <vector>

namespace pbx {

bool Content::matches(const Content& found) const {
    const auto differ = [](const std::string& one, const std::string& other) {
        return !one.empty() && !other.empty() && one != other;
    };
    return size == found.size && !differ(md5, found.md5) && !differ(sha256, found.sha256);
}

std::string describe(const Content& content) {
    return fmt::format("{} bytes{}{}{}{}", content.size, content.md5.empty() ? "" : ", MD5 ", content.md5,
                       content.sha256.empty() ? "" : ", SHA-256 ", content.sha256);
}

std::string describe_difference(const Content& expected, const Content& found) {
    return "expected " + describe(expected) + "; found " + describe(found);
}

void ContentHash::add(std::string_view data) {
    size_ += data.size();
    md5_.add(data);
    sha256_.add(data);
}

Content ContentHash::finish() {
    return {size_, md5_.hex(), sha256_.hex()};
}

bool has_content(int fd, const Content& expected, std::string_view what) {
    if (size_of(fd, what) != expected.size)
        return false;
    if (!expected.sha256.empty())
        return sha256_of_range(fd, 0, expected.size, what) == expected.sha256;
    return md5_of_file(fd, expected.size, what) == expected.md5;
}

Content content_of_file(int fd, std::string_view what) {
    constexpr std::size_t block = 1U << 18U;
    std::vector<char> buffer(block);
    ContentHash hash;
    for (std::size_t got = block; got == block;) {
        got = read_at(fd, buffer, hash.size(), what);
        hash.add({buffer.data(), got});
    }
    return hash.finish();
}

} // namespace pbx

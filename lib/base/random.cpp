// getrandom(2), repeated until there are enough bytes.
#include "base/random.hpp"

#include "base/error.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>

namespace pbx {

std::string random_text(std::string_view alphabet, std::size_t length) {
    // Bytes above the largest multiple of the alphabet's size are skipped: they would favour its first letters.
    const std::size_t fair = 256 - 256 % alphabet.size();
    std::string result;
    while (result.size() < length) {
        std::array<unsigned char, 64> bytes{};
        const auto got = ::getrandom(bytes.data(), bytes.size(), 0);
        if (got < 0 && errno != EINTR)
            throw system_error(Exit::software, "cannot get random bytes", errno);
        for (ssize_t i = 0; i < got && result.size() < length; ++i)
            if (bytes.at(static_cast<std::size_t>(i)) < fair)
                result += alphabet[bytes.at(static_cast<std::size_t>(i)) % alphabet.size()];
    }
    return result;
}

} // namespace pbx

// The alphabets and lengths of what is generated.
#include "provision/secret.hpp"

#include "base/random.hpp"

#include <cstddef>

namespace pbx::provision {

std::string make_password() {
    constexpr std::size_t length = 24;
    return random_text("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", length);
}

std::string make_prefix() {
    constexpr std::size_t length = 8;
    return "org_" + random_text("abcdefghijklmnopqrstuvwxyz0123456789", length);
}

} // namespace pbx::provision

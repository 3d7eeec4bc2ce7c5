// The algorithm's canonical form is its number with the highest byte first.
#include "base/checksum.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"

#include <fmt/format.h>
#include <xxhash.h>

namespace pbx {

void Checksum::Free::operator()(void* state) const {
    static_cast<void>(XXH3_freeState(static_cast<XXH3_state_t*>(state)));
}

Checksum::Checksum() : state_{XXH3_createState()} {
    if (!state_ || XXH3_128bits_reset(static_cast<XXH3_state_t*>(state_.get())) != XXH_OK)
        throw Error{Exit::software, "libxxhash cannot begin a checksum"};
}

void Checksum::add(std::string_view data) {
    if (XXH3_128bits_update(static_cast<XXH3_state_t*>(state_.get()), data.data(), data.size()) != XXH_OK)
        throw Error{Exit::software, "libxxhash cannot compute a checksum"};
}

std::string Checksum::hex() const {
    const auto hash = XXH3_128bits_digest(static_cast<const XXH3_state_t*>(state_.get()));
    return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::string checksum_of_range(int fd, std::uint64_t offset, std::uint64_t length, std::string_view what,
                              const std::stop_token& stop) {
    Checksum checksum;
    read_blocks(fd, offset, length, what, [&](std::string_view bytes) {
        if (stop.stop_requested())
            throw Error{Exit::temporary, std::string{what} + " was not read to its end"};
        checksum.add(bytes);
    });
    return checksum.hex();
}

} // namespace pbx

// XXH3, by libxxhash: it finds damage as surely as SHA-256 does, at the speed of memory. Against a forger it proves
// nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

namespace pbx {

/// XXH3's 128 bits, as xxhsum -H2 prints them.
class Checksum {
  public:
    Checksum();
    void add(std::string_view data);
    /// Lower-case hex.
    std::string hex() const;

    static constexpr std::size_t digits = 32;

  private:
    struct Free {
        void operator()(void* state) const;
    };
    std::unique_ptr<void, Free> state_;
};

/// The checksum of `length` bytes of an open file, from `offset`. Throws Error: io, also when the file is shorter;
/// temporary when `stop` was requested before the end.
std::string checksum_of_range(int fd, std::uint64_t offset, std::uint64_t length, std::string_view what,
                              const std::stop_token& stop = {});

} // namespace pbx

// The mark is a modification time: every file system has one, and the hourly run looks at it in any case.
#include "recording/damage.hpp"

#include "base/checksum.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>

namespace pbx::recording {

std::string find_damage(const audio::Manifest& manifest, std::string_view found) {
    if (manifest.xxh128.empty() || manifest.xxh128 == found)
        return {};
    return fmt::format("its audio is damaged: the manifest expects XXH128 {}, found {}", manifest.xxh128, found);
}

std::string find_damage_in_file(int fd, const std::string& what, const std::stop_token& stop) {
    const auto header = audio::read_wav_header(fd, what);
    const auto manifest = audio::Manifest::from(header);
    if (!manifest || manifest->xxh128.empty())
        return {};
    return find_damage(*manifest, checksum_of_range(fd, header.data_offset, header.data_size, what, stop));
}

bool mark_damaged(int fd) {
    const std::array<timespec, 2> times{{{0, UTIME_OMIT}, {0, 0}}};
    return ::futimens(fd, times.data()) == 0;
}

} // namespace pbx::recording

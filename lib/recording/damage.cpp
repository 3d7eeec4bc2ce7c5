// The mark is a modification time: every file system has one, and the hourly run looks at it in any case.
#include "recording/damage.hpp"

#include "audio/header_checksum.hpp"
#include "base/checksum.hpp"
#include "base/fd.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <utility>

namespace pbx::recording {

std::string find_damage(const audio::Manifest& manifest, std::string_view found) {
    if (manifest.xxh128.empty() || manifest.xxh128 == found)
        return {};
    return fmt::format("its audio is damaged: the manifest expects XXH128 {}, found {}", manifest.xxh128, found);
}

std::string find_damage_in_header(const audio::WavHeader& header, const std::optional<audio::Manifest>& manifest,
                                  int fd, const std::string& what) {
    if (!manifest && header.info.software.starts_with(audio::stitching_program))
        return "its manifest is damaged";
    if (!manifest || manifest->header_xxh128.empty())
        return {};
    std::string bytes(header.data_offset, '\0');
    bytes.resize(read_at(fd, bytes, 0, what));
    const auto found = audio::checksum_of_header(std::move(bytes), manifest->header_xxh128);
    if (manifest->header_xxh128 == found)
        return {};
    return fmt::format("its header is damaged: the manifest expects XXH128 {}, found {}", manifest->header_xxh128,
                       found);
}

std::string find_damage_in_file(int fd, const std::string& what, const std::stop_token& stop) {
    const auto header = audio::read_wav_header(fd, what);
    const auto manifest = audio::Manifest::from(header);
    if (auto fault = find_damage_in_header(header, manifest, fd, what); !fault.empty())
        return fault;
    if (!manifest || manifest->xxh128.empty())
        return {};
    return find_damage(*manifest, checksum_of_range(fd, header.data_offset, header.data_size, what, stop));
}

bool mark_damaged(int fd) {
    const std::array<timespec, 2> times{{{0, UTIME_OMIT}, {0, 0}}};
    return ::futimens(fd, times.data()) == 0;
}

} // namespace pbx::recording

// The manifest in the header shows which legs the recording has.
#include "recording/evicted_header.hpp"

#include "audio/manifest.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/moment.hpp"
#include "base/trust.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string_view>

namespace pbx::recording {

namespace {

constexpr std::string_view suffix = ".evicted";

// Empty when the hidden name would be too long.
std::string hidden_name(const std::string& recording) {
    constexpr std::size_t longest = 255;
    auto name = "." + recording + std::string{suffix};
    return name.size() <= longest ? name : std::string{};
}

void write_header(const Folder& stitched, const std::string& hidden, int recording, std::uint64_t length,
                  FileTime modified) {
    const auto path = stitched.path_of(hidden);
    stitched.remove(hidden);
    const Fd out{::openat(stitched.fd(), hidden.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640)};
    if (!out)
        throw system_error(Exit::cant_create, "cannot write " + path, errno);
    stitched.give_to_owner(out.get());
    copy_bytes(recording, 0, length, out.get(), path);
    const auto whole = std::chrono::floor<std::chrono::seconds>(modified);
    const timespec moment{whole.time_since_epoch().count(), (modified - whole).count()};
    const std::array<timespec, 2> times{moment, moment};
    if (::futimens(out.get(), times.data()) != 0)
        throw system_error(Exit::cant_create, "cannot set the time of " + path, errno);
}

} // namespace

void keep_evicted_header(const Folder& stitched, const std::string& name, int recording, FileTime modified) {
    const auto hidden = hidden_name(name);
    if (hidden.empty())
        return;
    try {
        const auto header = audio::read_wav_header(recording, name);
        if (audio::Manifest::from(header))
            write_header(stitched, hidden, recording, header.data_offset, modified);
    } catch (const Error& error) {
        log::note("{}; the next pbx-stitch builds {} again", error.what(), name);
        stitched.remove(hidden);
    }
}

std::optional<Fd> find_evicted_header(const Folder& stitched, const std::string& name) {
    const auto hidden = hidden_name(name);
    return hidden.empty() ? std::nullopt : open_trusted(stitched, hidden);
}

void remove_old_header(const Folder& stitched, const std::string& hidden) {
    constexpr std::chrono::days kept{8}; // pbx-stitch looks back 25 hours, and seldom further
    if (!hidden.starts_with('.') || !hidden.ends_with(suffix))
        return;
    const auto found = stitched.look(hidden);
    if (found && current_second() - std::chrono::sys_seconds{std::chrono::seconds{found->st_ctim.tv_sec}} > kept)
        stitched.remove(hidden);
}

} // namespace pbx::recording

// Loops around read and write that neither lose a byte nor hide an error.
#include "base/fd.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace pbx {

void Fd::reset() {
    if (fd_ >= 0)
        ::close(std::exchange(fd_, -1));
}

void write_all(int fd, std::string_view data, std::string_view what) {
    while (!data.empty()) {
        const auto written = ::write(fd, data.data(), data.size());
        if (written < 0) {
            if (errno == EINTR)
                continue;
            throw system_error(Exit::cant_create, "cannot write " + std::string{what}, errno);
        }
        data.remove_prefix(static_cast<std::size_t>(written));
    }
}

std::size_t read_at(int fd, std::span<char> buffer, std::uint64_t offset, std::string_view what) {
    std::size_t done = 0;
    while (done < buffer.size()) {
        const auto got = ::pread(fd, buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
        if (got < 0) {
            if (errno == EINTR)
                continue;
            throw system_error(Exit::io, "cannot read " + std::string{what}, errno);
        }
        if (got == 0)
            break;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

std::string read_file(const std::filesystem::path &path) {
    const Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd)
        throw system_error(Exit::io, "cannot open " + path.native(), errno);
    std::string text;
    constexpr std::size_t block = 65536;
    for (;;) {
        const auto size = text.size();
        text.resize(size + block);
        const auto got = read_at(fd.get(), std::span{text}.subspan(size), size, path.native());
        text.resize(size + got);
        if (got < block)
            return text;
    }
}

void copy_bytes(int in, std::uint64_t offset, std::uint64_t length, int out, std::string_view what) {
    auto position = static_cast<off_t>(offset);
    bool in_kernel = true;
    std::vector<char> buffer;
    while (length > 0) {
        ssize_t copied = 0;
        if (in_kernel) {
            copied = ::copy_file_range(in, &position, out, nullptr, std::min<std::uint64_t>(length, 1U << 30U), 0);
            if (copied < 0 && errno == EINTR)
                continue;
            if (copied < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
                throw system_error(Exit::cant_create, "cannot copy " + std::string{what}, errno);
            // Across file systems, to a pipe, or on an old kernel it does not work (some say so by copying nothing).
            if (copied <= 0) {
                in_kernel = false;
                continue;
            }
        } else {
            buffer.resize(std::min<std::uint64_t>(length, 1U << 20U));
            const auto got = read_at(in, std::span{buffer}.first(std::min<std::uint64_t>(length, buffer.size())),
                                     static_cast<std::uint64_t>(position), what);
            if (got == 0)
                throw Error{Exit::io, std::string{what} + " became shorter while it was read"};
            write_all(out, {buffer.data(), got}, "the copy of " + std::string{what});
            copied = static_cast<ssize_t>(got);
            position += copied;
        }
        length -= static_cast<std::uint64_t>(copied);
    }
}

} // namespace pbx

// Loops around read and write that neither lose a byte nor hide an error.
#include "base/fd.hpp"

#include "base/error.hpp"
#include "base/interrupt.hpp"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
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
            if (errno == EINTR) {
                interrupt::check();
                continue;
            }
            if (errno == EPIPE)
                throw ReaderGone{};
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

void read_blocks(int fd, std::uint64_t offset, std::uint64_t length, std::string_view what,
                 const std::function<void(std::string_view)>& each) {
    constexpr std::uint64_t block = 1U << 18U; // fits into a processor's second cache
    std::vector<char> buffer(std::min(length, block));
    while (length > 0) {
        const auto got = read_at(fd, std::span{buffer}.first(std::min(length, block)), offset, what);
        if (got == 0)
            throw Error{Exit::io, std::string{what} + " became shorter while it was read"};
        each({buffer.data(), got});
        offset += got;
        length -= got;
    }
}

std::string read_file(const std::filesystem::path& path) {
    const Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd)
        throw system_error(Exit::io, "cannot open " + path.native(), errno);
    return read_file(fd.get(), path.native());
}

std::string read_file(int fd, std::string_view what, std::size_t most) {
    std::string text;
    constexpr std::size_t block = 65536;
    while (text.size() < most) {
        const auto size = text.size();
        const auto want = std::min(block, most - size);
        text.resize(size + want);
        const auto got = read_at(fd, std::span{text}.subspan(size), size, what);
        text.resize(size + got);
        if (got < want)
            break;
    }
    return text;
}

std::uint64_t size_of(int fd, std::string_view what) {
    struct stat status {};
    if (::fstat(fd, &status) != 0)
        throw system_error(Exit::io, "cannot look at " + std::string{what}, errno);
    return static_cast<std::uint64_t>(status.st_size);
}

std::filesystem::path temporary_folder() {
    const char* named = std::getenv("TMPDIR");
    return named != nullptr && *named != '\0' ? named : "/tmp";
}

Fd nameless_file() {
    Fd file{::open(temporary_folder().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
    if (!file)
        throw system_error(Exit::cant_create, "cannot make a temporary file in " + temporary_folder().native(), errno);
    return file;
}

void copy_bytes(int in, std::uint64_t offset, std::uint64_t length, int out, std::string_view what) {
    auto position = static_cast<off_t>(offset);
    // From the fastest way to the one that always works: the others fail or copy nothing across some file systems, to a
    // pipe or on an old kernel.
    enum class Way { copy_file_range, sendfile, read_write };
    auto way = Way::copy_file_range;
    std::vector<char> buffer;
    while (length > 0) {
        const auto some = std::min<std::uint64_t>(length, 1U << 30U);
        ssize_t copied = 0;
        if (way == Way::copy_file_range) {
            copied = ::copy_file_range(in, &position, out, nullptr, some, 0);
        } else if (way == Way::sendfile) {
            copied = ::sendfile(out, in, &position, some);
        } else {
            buffer.resize(std::min<std::uint64_t>(length, 1U << 20U));
            const auto most = std::min<std::uint64_t>(length, buffer.size());
            const auto got = read_at(in, std::span{buffer}.first(most), static_cast<std::uint64_t>(position), what);
            if (got == 0)
                throw Error{Exit::io, std::string{what} + " became shorter while it was read"};
            write_all(out, {buffer.data(), got}, "the copy of " + std::string{what});
            copied = static_cast<ssize_t>(got);
            position += copied;
        }
        if (copied < 0 && errno == EINTR) {
            interrupt::check();
            continue;
        }
        if (copied < 0 && errno == EPIPE)
            throw ReaderGone{};
        if (copied < 0 && (errno == ENOSPC || errno == EDQUOT))
            throw system_error(Exit::cant_create, "cannot copy " + std::string{what}, errno);
        if (copied < 0 && errno == EIO)
            throw system_error(Exit::io, "cannot copy " + std::string{what}, errno);
        if (copied <= 0)
            way = way == Way::copy_file_range ? Way::sendfile : Way::read_write;
        else
            length -= static_cast<std::uint64_t>(copied);
    }
}

} // namespace pbx

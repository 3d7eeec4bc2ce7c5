// A file descriptor that closes itself, and reads and writes that complete or throw an Error.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace pbx {

class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_{fd} {}
    Fd(Fd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { reset(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    void reset();

  private:
    int fd_ = -1;
};

/// The reader of our stdout or of another pipe has closed it. This is not an error: nobody needs the output.
class ReaderGone : public std::exception {};

/// Writes all of `data`, or throws Error (cant_create) "cannot write <what>: ..."; ReaderGone; or, when a signal
/// interrupts a write that waits for its reader, Error (temporary).
void write_all(int fd, std::string_view data, std::string_view what);

/// Reads up to `buffer.size()` bytes from `offset`; fewer only at the end of the file. Throws Error (io).
std::size_t read_at(int fd, std::span<char> buffer, std::uint64_t offset, std::string_view what);

/// Reads `length` bytes from `offset`, and calls `each` with every block of them in turn. Throws Error (io), also when
/// the file is shorter.
void read_blocks(int fd, std::uint64_t offset, std::uint64_t length, std::string_view what,
                 const std::function<void(std::string_view)>& each);

/// The whole file at `path`. Throws Error (io, no_permission).
std::string read_file(const std::filesystem::path& path);

/// The content of an open file from its beginning, at most `most` bytes. Throws Error (io).
std::string read_file(int fd, std::string_view what, std::size_t most = std::string::npos);

/// Bytes in an open file. Throws Error (io).
std::uint64_t size_of(int fd, std::string_view what);

/// The folder for temporary files: $TMPDIR, or /tmp.
std::filesystem::path temporary_folder();

/// An open file without a name in temporary_folder(). Throws Error (cant_create).
Fd nameless_file();

/// Copies `length` bytes from one descriptor to another, in the kernel where both allow it. Reads `in` from `offset`,
/// and writes `out` at its current position. Throws Error (io when `in` is too short), or ReaderGone.
void copy_bytes(int in, std::uint64_t offset, std::uint64_t length, int out, std::string_view what);

} // namespace pbx

// A journal decides what other tools do, and other programs may write into the spool: one that exists must be trusted
// before it is appended to.
#include "spool/journal_file.hpp"

#include "base/trust.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace pbx::spool {

namespace {

// errno is left to the caller.
struct OpenedJournal {
    Fd fd;
    bool is_new = false;
};

OpenedJournal open_for_append(const Folder& spool, const std::string& name) {
    constexpr int flags = O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC;
    Fd created{::openat(spool.fd(), name.c_str(), flags | O_CREAT | O_EXCL | O_NOFOLLOW, 0640)};
    if (created || errno != EEXIST) {
        if (created)
            spool.give_to_owner(created.get());
        return {std::move(created), true};
    }
    const auto trusted = open_trusted(spool, name);
    if (!trusted)
        throw Error{Exit::temporary, spool.path_of(name) + " was removed while it was opened", "try again"};
    return {Fd{::open(fmt::format("/proc/self/fd/{}", trusted->get()).c_str(), flags)}, false};
}

// 0, or the errno of the failure.
int write_and_sync(int fd, std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno != EINTR)
            return errno;
        text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
    }
    return ::fsync(fd) == 0 ? 0 : errno;
}

std::optional<Error> disk_full_or_throw(const std::string& message, int error_number) {
    auto error = system_error(Exit::cant_create, message, error_number,
                              error_number == EFBIG ? "raise the limit on file sizes (ulimit -f)" : "");
    if (error_number == ENOSPC || error_number == EDQUOT)
        return error;
    throw Error{std::move(error)};
}

} // namespace

Appended append_lines(const Folder& spool, const std::string& name, std::string_view lines) {
    const auto path = spool.path_of(name);
    const auto opened = open_for_append(spool, name);
    if (!opened.fd)
        return {opened.is_new, disk_full_or_throw("cannot open " + path, errno)};
    if (const int failed = write_and_sync(opened.fd.get(), "\n" + std::string{lines}); failed != 0)
        return {opened.is_new, disk_full_or_throw("cannot write " + path, failed)};
    // Also for a journal that was there: a run that a power failure ended may have made it, and its name may be lost.
    spool.sync();
    return {opened.is_new, std::nullopt};
}

} // namespace pbx::spool

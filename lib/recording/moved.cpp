// Append-only text, read by whole lines, so that a torn one costs nothing.
#include "recording/moved.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <functional>
#include <span>

namespace pbx::recording {

namespace {

constexpr std::int64_t day = 86400;
constexpr std::int64_t days_kept = 8;
constexpr std::string_view prefix = ".moved-";

std::size_t hashed(std::string_view name) {
    return std::hash<std::string_view>{}(name);
}

std::string journal_of(std::int64_t when) {
    const auto seconds = static_cast<std::time_t>(when);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    return fmt::format("{}{:04}{:02}{:02}", prefix, parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

// The journal decides which calls are stitched here, and the spool may have other writers than us: only a regular file
// of ours, of root's or of the spool's owner is one. A pipe would hold the run until its timeout. Without a descriptor:
// there is none.
Fd open_journal(const Folder& spool, const std::string& journal, int flags) {
    const auto path = spool.path_of(journal);
    const auto refuse = [&](const char* fault) {
        return Error{Exit::no_permission, path + " is not used: " + fault,
                     "find out which program made it, then: rm " + path};
    };
    Fd fd{::openat(spool.fd(), journal.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640)};
    if (!fd && errno == ENOENT)
        return fd;
    // ELOOP: a link; ENXIO: a pipe without a reader, or a socket; EISDIR: a folder.
    if (!fd && errno != ELOOP && errno != ENXIO && errno != EISDIR)
        throw system_error(Exit::cant_create, "cannot open " + path, errno);
    struct stat file {};
    struct stat folder {};
    if (!fd || ::fstat(fd.get(), &file) != 0 || !S_ISREG(file.st_mode))
        throw refuse("it is not a regular file");
    if (::fstat(spool.fd(), &folder) != 0)
        throw system_error(Exit::io, "cannot look at folder " + spool.path().native(), errno);
    if (file.st_uid != 0 && file.st_uid != ::geteuid() && file.st_uid != folder.st_uid)
        throw refuse("it belongs to another user");
    return fd;
}

// Only the days that may lie behind `now`: nobody has to list the spool for it.
void drop_old(const Folder& spool, std::int64_t now) {
    for (std::int64_t back = days_kept + 1; back <= days_kept + 31; ++back)
        spool.remove(journal_of(now - back * day));
}

} // namespace

void Moved::append(const Folder& spool, const std::vector<std::string>& names, std::int64_t now) {
    if (names.empty())
        return;
    const auto journal = journal_of(now);
    const auto path = spool.path_of(journal);
    const bool fresh = !spool.look(journal).has_value();
    const auto fd = open_journal(spool, journal, O_WRONLY | O_CREAT | O_APPEND);
    // The first line break ends a line that a full disk or a kill may have torn.
    std::string text = "\n";
    for (const auto& name : names)
        text += fmt::format("{}\t{}\n", now, name);
    write_all(fd.get(), text, path);
    if (::fsync(fd.get()) != 0)
        throw system_error(Exit::cant_create, "cannot sync " + path, errno);
    if (fresh) {
        spool.sync();
        drop_old(spool, now);
    }
}

Moved Moved::since(const Folder& spool, std::int64_t since) {
    Moved result;
    const auto now = std::max<std::int64_t>(std::time(nullptr), since);
    // A day more on either side: clocks are set.
    const auto first = std::max(since, now - days_kept * day) - day;
    for (auto when = first; when <= now + 2 * day; when += day) {
        try {
            result.read(spool, journal_of(when), since);
        } catch (const Error& error) {
            result.faults_.push_back(error);
        }
    }
    std::sort(result.names_.begin(), result.names_.end());
    return result;
}

void Moved::read(const Folder& spool, const std::string& journal, std::int64_t since) {
    constexpr std::uint64_t most = 256U << 20U;
    constexpr std::size_t longest_line = 512;
    const auto fd = open_journal(spool, journal, O_RDONLY);
    if (!fd)
        return;
    const auto path = spool.path_of(journal);
    std::string text;
    for (std::uint64_t offset = 0; offset < most;) {
        constexpr std::size_t block = 1U << 20U;
        const auto before = text.size();
        text.resize(before + block);
        const auto got = read_at(fd.get(), std::span{text}.subspan(before), offset, path);
        text.resize(before + got);
        offset += got;
        std::size_t at = 0;
        for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', at)) {
            const std::string_view line{text.data() + at, end - at};
            at = end + 1;
            std::int64_t moved = 0;
            const auto [rest, fault] = std::from_chars(line.data(), line.data() + line.size(), moved);
            if (line.size() <= longest_line && fault == std::errc{} && rest != line.data() + line.size() &&
                *rest == '\t' && moved >= since)
                names_.push_back(hashed(line.substr(static_cast<std::size_t>(rest + 1 - line.data()))));
        }
        text.erase(0, at);
        // No line of ours: its end is still looked for, and the rest of it is dropped.
        if (text.size() > longest_line)
            text.erase(0, text.size() - longest_line - 1);
        if (got < block)
            return;
    }
    throw Error{Exit::data, path + " is too long: only its first 256 MiB are used",
                "see which program writes it; each of its lines is the time and the name of one leg"};
}

bool Moved::contains(std::string_view name) const {
    return std::binary_search(names_.begin(), names_.end(), hashed(name));
}

} // namespace pbx::recording

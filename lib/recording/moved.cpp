// Append-only text, read by whole lines, so that a torn one costs nothing.
#include "recording/moved.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <ctime>

namespace pbx::recording {

namespace {

constexpr std::int64_t day = 86400;
constexpr std::int64_t days_kept = 8;
constexpr std::string_view prefix = ".moved-";

std::string journal_of(std::int64_t when) {
    const auto seconds = static_cast<std::time_t>(when);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    return fmt::format("{}{:04}{:02}{:02}", prefix, parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
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
    const Fd fd{::openat(spool.fd(), journal.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640)};
    if (!fd)
        throw system_error(Exit::cant_create, "cannot open " + path, errno);
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
        const auto journal = journal_of(when);
        if (!spool.look(journal))
            continue;
        const auto text = read_file(spool.path_of(journal));
        for (std::size_t at = 0; at < text.size();) {
            const auto end = text.find('\n', at);
            if (end == std::string::npos)
                break;
            const std::string_view line{text.data() + at, end - at};
            at = end + 1;
            std::int64_t moved = 0;
            const auto [rest, fault] = std::from_chars(line.data(), line.data() + line.size(), moved);
            if (fault == std::errc{} && rest != line.data() + line.size() && *rest == '\t' && moved >= since)
                result.names_.emplace(rest + 1, line.data() + line.size());
        }
    }
    return result;
}

} // namespace pbx::recording

// Append-only text, read by whole lines, so that a torn line costs nothing.
#include "spool/moved_journal.hpp"

#include "base/lines.hpp"
#include "base/moment.hpp"
#include "base/trust.hpp"
#include "spool/journal_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <span>
#include <utility>

namespace pbx::spool {

namespace {

using std::chrono::days;
using std::chrono::sys_seconds;

constexpr days days_kept{8};
constexpr std::size_t longest_line = 512; // a name has at most 255 bytes

std::size_t hash_of(std::string_view name) {
    return std::hash<std::string_view>{}(name);
}

std::string journal_name(sys_seconds time) {
    const std::chrono::year_month_day day{std::chrono::floor<days>(time)};
    return fmt::format(".moved-{:04}{:02}{:02}", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                       static_cast<unsigned>(day.day()));
}

// Only the days that may lie behind `now`, so that nobody has to list the spool for it.
void remove_old_journals(const Folder& spool, sys_seconds now) {
    for (auto age = days_kept + days{1}; age <= days_kept + days{31}; ++age)
        spool.remove(journal_name(now - age));
}

} // namespace

std::optional<Error> record_moved_legs(const Folder& spool, const std::vector<std::string>& names, sys_seconds now) {
    if (names.empty())
        return std::nullopt;
    std::string lines;
    for (const auto& name : names)
        lines += fmt::format("{}\t{}\n", now.time_since_epoch().count(), name);
    auto appended = append_lines(spool, journal_name(now), lines);
    if (appended.is_new && !appended.disk_full)
        remove_old_journals(spool, now);
    return std::move(appended.disk_full);
}

MovedLegs MovedLegs::since(const Folder& spool, sys_seconds since) {
    MovedLegs result;
    const auto now = std::max(current_second(), since);
    // A day more on either side: clocks are set.
    const auto first = std::max(since, now - days_kept) - days{1};
    for (auto time = first; time <= now + days{2}; time += days{1}) {
        try {
            result.read(spool, journal_name(time), since);
        } catch (const Error& error) {
            result.faults_.push_back(error);
        }
    }
    std::sort(result.hashes_.begin(), result.hashes_.end());
    return result;
}

void MovedLegs::read(const Folder& spool, const std::string& journal, sys_seconds since) {
    constexpr std::uint64_t most = 256U << 20U;
    constexpr std::size_t block = 1U << 20U;
    const auto fd = open_trusted(spool, journal);
    if (!fd)
        return;
    const auto path = spool.path_of(journal);
    std::string text;
    for (std::uint64_t offset = 0; offset < most;) {
        const auto before = text.size();
        text.resize(before + block);
        const auto got = read_at(fd->get(), std::span{text}.subspan(before), offset, path);
        text.resize(before + got);
        offset += got;
        add_lines(take_complete_lines(text), since);
        // A longer line is not one of ours: only its end is still looked for.
        if (text.size() > longest_line)
            text.erase(0, text.size() - longest_line - 1);
        if (got < block)
            return;
    }
    throw Error{Exit::data, path + " is too long: only its first 256 MiB are used",
                "find out which program writes it; each of its lines is the time and the name of one leg"};
}

void MovedLegs::add_lines(std::string_view lines, sys_seconds since) {
    for (const auto line : Lines{lines}) {
        std::int64_t moved = 0;
        const auto* const end = line.data() + line.size();
        const auto [rest, fault] = std::from_chars(line.data(), end, moved);
        if (line.size() <= longest_line && fault == std::errc{} && rest != end && *rest == '\t' &&
            sys_seconds{std::chrono::seconds{moved}} >= since)
            hashes_.push_back(hash_of(line.substr(static_cast<std::size_t>(rest + 1 - line.data()))));
    }
}

bool MovedLegs::contains(std::string_view name) const {
    return std::binary_search(hashes_.begin(), hashes_.end(), hash_of(name));
}

} // namespace pbx::spool

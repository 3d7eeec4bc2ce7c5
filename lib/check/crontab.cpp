// cron reports none of these faults but in its own log.
#include "check/crontab.hpp"

#include "base/lines.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace pbx::check {

namespace {

std::string_view take_word(std::string_view& line) {
    constexpr const char* blanks = " \t";
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    const auto word = line.substr(0, line.find_first_of(blanks));
    line.remove_prefix(word.size());
    return word;
}

bool is_time_field(std::string_view word) {
    return !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || std::string_view{"*/,-"}.find(static_cast<char>(c)) != std::string_view::npos;
    });
}

// The parts between any of the separators; none is empty.
std::vector<std::string_view> split(std::string_view text, const char* separators) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const auto end = std::min(text.find_first_of(separators), text.size());
        if (end > 0)
            parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

// Whether one simple command, as its words, is the run.
bool is_run(const std::vector<std::string_view>& words, std::string_view tool, std::string_view subcommand) {
    constexpr std::array<std::string_view, 3> others{"audit", "init", "verify"};
    const auto found = std::find_if(words.begin(), words.end(),
                                    [&](std::string_view word) { return word.substr(word.rfind('/') + 1) == tool; });
    if (found == words.end() || (found != words.begin() && *(found - 1) == "-v"))
        return false;
    const auto has = [&](std::string_view word) { return std::find(found, words.end(), word) != words.end(); };
    return subcommand.empty() ? std::none_of(others.begin(), others.end(), has) : has(subcommand);
}

} // namespace

bool starts_run(std::string_view command, std::string_view run) {
    const auto blank = std::min(run.find(' '), run.size());
    const auto subcommand = run.substr(std::min(blank + 1, run.size()));
    const auto parts = split(command, ";&|()\n");
    return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
        return is_run(split(part, " \t'\"="), run.substr(0, blank), subcommand);
    });
}

std::vector<CronJob> jobs_in(std::string_view crontab) {
    std::vector<CronJob> jobs;
    for (auto line : Lines{crontab}) {
        auto word = take_word(line);
        CronJob job;
        if (word == "@hourly") {
            job.hours = "*";
        } else if (word.starts_with('@')) {
            job.hours = word;
        } else {
            // minute, hour, day, month, weekday
            std::array<std::string_view, 5> fields{};
            for (auto& field : fields) {
                field = word;
                word = &field == &fields.back() ? word : take_word(line);
            }
            if (!std::all_of(fields.begin(), fields.end(), is_time_field))
                continue;
            job.hours = fields[1];
        }
        job.user = take_word(line);
        job.command = line;
        if (!job.command.empty())
            jobs.push_back(std::move(job));
    }
    return jobs;
}

CronFault cron_fault(const std::filesystem::path& path, std::string_view content) {
    const auto name = path.filename().native();
    const bool plain = std::all_of(name.begin(), name.end(),
                                   [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
    if (!plain)
        return {"its name has a character other than letters, digits, _ and -",
                "mv " + path.native() + " to a name without a dot"};
    struct stat link {};
    struct stat file {};
    if (::lstat(path.c_str(), &link) != 0 || ::stat(path.c_str(), &file) != 0)
        return {};
    if (!S_ISREG(file.st_mode))
        return {"it is not a regular file", "install the file crontab of this package"};
    if (file.st_uid != 0 || link.st_uid != 0)
        return {"it does not belong to root", "chown -h root: " + path.native()};
    if ((file.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return {"others than root can write it", "chmod go-w " + path.native()};
    if (!content.empty() && content.back() != '\n')
        return {"its last line does not end with a line break", "echo >> " + path.native()};
    return {};
}

} // namespace pbx::check

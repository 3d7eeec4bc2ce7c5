// cron reports none of these faults but in its own log.
#include "check/crontab.hpp"

#include "base/lines.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <cctype>
#include <charconv>
#include <functional>
#include <optional>
#include <utility>

namespace pbx::check {

namespace {

std::string_view take_word(std::string_view& line) {
    constexpr const char* blanks = " \t";
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    const auto word = line.substr(0, line.find_first_of(blanks));
    line.remove_prefix(word.size());
    return word;
}

using Times = std::bitset<60>;

struct TimeField {
    const char* name;
    unsigned first;
    unsigned last;
    std::string_view words = {}; ///< three letters for each number from `first` on
};

constexpr std::array time_fields{TimeField{"minute", 0, 59}, TimeField{"hour", 0, 23},
                                 TimeField{"day of the month", 1, 31},
                                 TimeField{"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
                                 TimeField{"day of the week", 0, 7, "sunmontuewedthufrisat"}};

std::optional<unsigned> number_of(std::string_view text) {
    unsigned number = 0;
    const auto* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number);
    return read.ec == std::errc{} && read.ptr == end ? std::optional{number} : std::nullopt;
}

std::optional<unsigned> value_of(std::string_view text, const TimeField& field) {
    std::string word;
    for (const unsigned char c : text)
        word += static_cast<char>(std::tolower(c));
    if (const auto at = field.words.find(word); word.size() == 3 && at != std::string_view::npos && at % 3 == 0)
        return field.first + static_cast<unsigned>(at / 3);
    const auto number = number_of(text);
    return number && *number >= field.first && *number <= field.last ? number : std::nullopt;
}

// Adds the times of "*", "5", "1-5" or "*/2"; false for what cron refuses.
bool add_times(std::string_view part, const TimeField& field, Times& times) {
    const auto slash = part.find('/');
    const auto step = slash == std::string_view::npos ? std::optional{1U} : number_of(part.substr(slash + 1));
    part = part.substr(0, slash);
    const auto dash = part.find('-');
    const bool all = part == "*";
    const auto low = all ? std::optional{field.first} : value_of(part.substr(0, dash), field);
    const auto high = all                              ? std::optional{field.last}
                      : dash == std::string_view::npos ? low
                                                       : value_of(part.substr(dash + 1), field);
    if (step.value_or(0) == 0 || !low || !high || *low > *high)
        return false;
    for (auto time = *low; time <= *high; time += *step)
        times.set(time);
    return true;
}

// Nothing for a field that cron refuses.
std::optional<Times> times_of(std::string_view text, const TimeField& field) {
    Times times;
    for (bool more = true; more;) {
        const auto comma = text.find(',');
        if (!add_times(text.substr(0, comma), field, times))
            return std::nullopt;
        more = comma != std::string_view::npos;
        text.remove_prefix(more ? comma + 1 : 0);
    }
    if (field.last == 7 && (times[0] || times[7]))
        times.set(0).set(7); // both are Sunday
    return times;
}

bool has_all(const Times& times, const TimeField& field) {
    return times.count() == field.last - field.first + 1;
}

// "@daily" instead of the five fields.
bool is_nickname(std::string_view word) {
    constexpr std::array<std::string_view, 8> known{"@reboot", "@yearly", "@annually", "@monthly",
                                                    "@weekly", "@daily",  "@midnight", "@hourly"};
    return std::find(known.begin(), known.end(), word) != known.end();
}

bool is_variable(std::string_view line) {
    const auto name = line.substr(0, line.find('='));
    const auto first = std::min(name.find_first_not_of(" \t"), name.size());
    const auto last = name.find_last_not_of(" \t") + 1;
    return name.size() < line.size() &&
           (first == last || line[first] == '"' || line[first] == '\'' ||
            name.substr(first, last - first).find_first_of(" \t") == std::string_view::npos);
}

// A line of a crontab with users, as far as cron can read it.
struct CronLine {
    std::optional<CronJob> job;
    std::string fault;
};

CronLine read_line(std::string_view line) {
    auto word = take_word(line);
    CronLine read;
    CronJob job;
    if (word.starts_with('@')) {
        job.is_hourly = word == "@hourly";
        if (!is_nickname(word))
            read.fault = std::string{word} + " is not a time that cron knows";
    } else {
        job.is_hourly = true;
        for (const auto& field : time_fields) {
            const auto times = times_of(word, field);
            if (!times && read.fault.empty())
                read.fault = "\"" + std::string{word} + "\" is not a valid " + field.name;
            job.is_hourly = job.is_hourly && times && (&field == time_fields.data() || has_all(*times, field));
            word = &field == &time_fields.back() ? word : take_word(line);
        }
    }
    job.user = take_word(line);
    job.command = line;
    if (read.fault.empty() && job.command.find_first_not_of(" \t") == std::string::npos)
        read.fault = "it has no user and command";
    if (read.fault.empty())
        read.job = std::move(job);
    return read;
}

void for_each_line(std::string_view crontab, const std::function<void(std::size_t number, CronLine line)>& each) {
    std::size_t number = 0;
    for (const auto line : Lines{crontab}) {
        ++number;
        const auto first = line.find_first_not_of(" \t");
        if (first != std::string_view::npos && line[first] != '#' && !is_variable(line))
            each(number, read_line(line));
    }
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
    for_each_line(crontab, [&](std::size_t, CronLine line) {
        if (line.job)
            jobs.push_back(*std::move(line.job));
    });
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
    CronFault fault;
    for_each_line(content, [&](std::size_t number, const CronLine& line) {
        if (!line.fault.empty() && fault.text.empty())
            fault = {"line " + std::to_string(number) + ": " + line.fault,
                     "take the times of the file crontab of this package"};
    });
    return fault;
}

} // namespace pbx::check

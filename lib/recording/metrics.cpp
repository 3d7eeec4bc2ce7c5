// Counters grow over the life of the file, as Prometheus expects: a run adds to what it reads there.
#include "recording/metrics.hpp"

#include "base/lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

namespace pbx::recording {

namespace {

constexpr std::array<std::pair<Exit, const char*>, 10> failure_names{{{Exit::usage, "usage"},
                                                                      {Exit::data, "unreadable"},
                                                                      {Exit::no_input, "not_found"},
                                                                      {Exit::unavailable, "unavailable"},
                                                                      {Exit::software, "bug"},
                                                                      {Exit::cant_create, "cannot_write"},
                                                                      {Exit::io, "cannot_read"},
                                                                      {Exit::temporary, "temporary"},
                                                                      {Exit::no_permission, "forbidden"},
                                                                      {Exit::config, "configuration"}}};

bool take(std::string_view& text, std::string_view beginning) {
    if (!text.starts_with(beginning))
        return false;
    text.remove_prefix(beginning.size());
    return true;
}

void skip_blanks(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

// [a-zA-Z_:][a-zA-Z0-9_:]*
bool take_name(std::string_view& text) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
    };
    const auto* end = std::find_if_not(text.begin(), text.end(), fits);
    const auto length = static_cast<std::size_t>(end - text.begin());
    const bool good = length > 0 && (text.front() < '0' || text.front() > '9');
    text.remove_prefix(length);
    return good;
}

// {name="value",...}, where a quote, a backslash and a line break in a value stand behind a backslash.
bool take_labels(std::string_view& text) {
    for (skip_blanks(text); !take(text, "}"); skip_blanks(text)) {
        if (!take_name(text))
            return false;
        skip_blanks(text);
        if (!take(text, "="))
            return false;
        skip_blanks(text);
        if (!take(text, "\""))
            return false;
        while (!take(text, "\"")) {
            take(text, "\\");
            if (text.empty())
                return false;
            text.remove_prefix(1);
        }
        skip_blanks(text);
        if (!take(text, ",") && !text.starts_with('}'))
            return false;
    }
    return true;
}

bool take_number(std::string_view& text) {
    const auto length = std::min(text.find_first_of(" \t"), text.size());
    const std::string number{text.substr(0, length)};
    text.remove_prefix(length);
    char* end = nullptr;
    static_cast<void>(std::strtod(number.c_str(), &end));
    return !number.empty() && end == number.c_str() + number.size();
}

// "# HELP name text", "# TYPE name type" or a sample, name{label="value",...} value [milliseconds]: Prometheus' text
// format 0.0.4, https://prometheus.io/docs/instrumenting/exposition_formats/
bool is_metrics_line(std::string_view line) {
    if (take(line, "# HELP "))
        return take_name(line) && (line.empty() || line.front() == ' ');
    if (take(line, "# TYPE "))
        return take_name(line) && take(line, " ") && take_name(line) && line.empty();
    if (!take_name(line))
        return false;
    skip_blanks(line);
    if (take(line, "{") && !take_labels(line))
        return false;
    skip_blanks(line);
    if (!take_number(line))
        return false;
    skip_blanks(line);
    if (!line.empty() && !take_number(line))
        return false;
    skip_blanks(line);
    return line.empty();
}

struct EarlierText {
    std::map<std::string, double> values; ///< by name with labels
    std::string foreign;                  ///< lines of other tools
};

EarlierText parse_earlier(std::string_view text, const std::string& prefix) {
    EarlierText earlier;
    for (const auto line : Lines{text}) {
        auto name = line;
        for (const std::string_view comment : {"# HELP ", "# TYPE "})
            if (name.starts_with(comment))
                name.remove_prefix(comment.size());
        if (!name.starts_with(prefix)) {
            if (is_metrics_line(line))
                earlier.foreign += std::string{line} + "\n";
            continue;
        }
        const auto blank = line.rfind(' ');
        if (name.size() == line.size() && blank != std::string_view::npos)
            earlier.values[std::string{line.substr(0, blank)}] =
                std::strtod(std::string{line.substr(blank + 1)}.c_str(), nullptr);
    }
    return earlier;
}

std::string heading(const std::string& name, const std::string& help, const char* type) {
    return fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

} // namespace

void Metrics::add(const std::string& counter, std::uint64_t more) {
    const std::lock_guard lock{guard_};
    added_[counter] += more;
}

void Metrics::add_failure(Exit status) {
    const std::lock_guard lock{guard_};
    ++failures_[status];
}

void Metrics::set(const std::string& name, const std::string& help, double value, const std::string& labels) {
    const std::lock_guard lock{guard_};
    gauges_[name].help = help;
    gauges_[name].values[labels] = value;
}

std::string Metrics::text(std::string_view before, const std::string& tool, Exit status,
                          std::chrono::duration<double> length, std::chrono::sys_seconds ended) const {
    const std::lock_guard lock{guard_};
    const auto prefix = "pbx_" + tool + "_";
    const auto earlier = parse_earlier(before, prefix);
    const auto was = [&](const std::string& name) {
        const auto found = earlier.values.find(name);
        return found == earlier.values.end() ? 0.0 : found->second;
    };
    std::string text = earlier.foreign;
    const auto count = [&](const std::string& name, const std::string& help, std::uint64_t more) {
        text +=
            heading(name, help, "counter") + fmt::format("{} {:.0f}\n", name, was(name) + static_cast<double>(more));
    };
    count(prefix + "runs_total", "Runs that ended.", 1);
    for (const auto& [name, help] : counters_) {
        const auto added = added_.find(name);
        count(prefix + name + "_total", help, added == added_.end() ? 0 : added->second);
    }

    const auto failures = prefix + "failures_total";
    text += heading(failures, "What could not be done, by kind; one run may count many.", "counter");
    for (const auto& [kind, word] : failure_names) {
        const auto name = fmt::format("{}{{kind=\"{}\"}}", failures, word);
        const auto found = failures_.find(kind);
        text += fmt::format("{} {:.0f}\n", name,
                            was(name) + (found == failures_.end() ? 0.0 : static_cast<double>(found->second)));
    }

    for (const auto& [name, set] : gauges_) {
        text += heading(prefix + name, set.help, "gauge");
        for (const auto& [labels, value] : set.values)
            text += fmt::format("{}{}{} {}\n", prefix, name, labels.empty() ? labels : "{" + labels + "}", value);
    }
    const auto gauge = [&](const char* name, const char* help, double value, int digits) {
        text += heading(prefix + name, help, "gauge") + fmt::format("{}{} {:.{}f}\n", prefix, name, value, digits);
    };
    gauge("last_run_seconds", "How long the last run took.", length.count(), 3);
    gauge("last_run_timestamp_seconds", "When the last run ended.",
          static_cast<double>(ended.time_since_epoch().count()), 0);
    gauge("last_run_exit_status", "Exit status of the last run, 0 is success.", static_cast<int>(status), 0);
    gauge("last_success_timestamp_seconds", "When a run last ended with 0.",
          status == Exit::ok ? static_cast<double>(ended.time_since_epoch().count())
                             : was(prefix + "last_success_timestamp_seconds"),
          0);
    return text;
}

} // namespace pbx::recording

// Counters grow over the life of the file, as Prometheus expects of them; what a run writes begins with what it read.
#include "recording/metrics.hpp"

#include "base/atomic_file.hpp"
#include "base/trust.hpp"
#include "base/words.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <utility>

namespace pbx::recording {

namespace {

constexpr std::array<std::pair<Exit, const char*>, 10> kinds{{{Exit::usage, "usage"},
                                                              {Exit::data, "unreadable"},
                                                              {Exit::no_input, "not_found"},
                                                              {Exit::unavailable, "unavailable"},
                                                              {Exit::software, "bug"},
                                                              {Exit::cant_create, "cannot_write"},
                                                              {Exit::io, "cannot_read"},
                                                              {Exit::temporary, "temporary"},
                                                              {Exit::no_permission, "forbidden"},
                                                              {Exit::config, "configuration"}}};

// A file that grew beyond this is not one that a few hourly tools share.
constexpr std::uint64_t most_bytes = 1U << 20U;

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

struct Earlier {
    std::map<std::string, double> values; ///< by name with labels
    std::string foreign;                  ///< lines of other tools
};

Earlier read(std::string_view text, const std::string& prefix) {
    Earlier earlier;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
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

// What earlier runs wrote, whose mode and owner `next` then gets. What is not a file of ours is not read, since what we
// write may be read by everybody; it is replaced.
std::string read_own(const Folder& folder, const std::string& name, int next) {
    if (!folder.look(name))
        return {};
    try {
        const auto fd = open_trusted(folder, name);
        struct stat status {};
        if (!fd || ::fstat(fd->get(), &status) != 0)
            return {};
        const auto path = folder.path_of(name);
        if (static_cast<std::uint64_t>(status.st_size) > most_bytes)
            throw Error{Exit::data, fmt::format("{} is not used: it is longer than {} bytes", path, most_bytes)};
        std::string text(static_cast<std::size_t>(status.st_size), '\0');
        text.resize(read_at(fd->get(), text, 0, path));
        // Without its owner and group, which only root can always give it, it may be read by fewer, never by more.
        [[maybe_unused]] const int given =
            ::fchown(next, ::geteuid() == 0 ? status.st_uid : static_cast<uid_t>(-1), status.st_gid);
        if (::fchmod(next, status.st_mode & 0777U) != 0)
            throw system_error(Exit::cant_create, "cannot set the mode of " + path, errno);
        return text;
    } catch (const Error& error) {
        if (error.kind() != Exit::no_permission && error.kind() != Exit::data)
            throw;
        words::warn("{}; its place is taken by a new file, and the counters begin at 0", error.what());
        return {};
    }
}

void write(const std::string& file, const std::string& tool, const Metrics& metrics, Exit status, double seconds) {
    const std::filesystem::path path{file};
    const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path{"."};
    std::optional<Folder> folder;
    try {
        folder = Folder::open(parent);
    } catch (const Error& error) {
        throw Error{error.kind() == Exit::io ? Exit::cant_create : error.kind(), error.what(),
                    "--metrics wants a file in a folder that exists and that this user may write"};
    }
    const auto name = path.filename().native();
    if (name.empty())
        throw Error{Exit::cant_create, "cannot write the metrics: " + file + " is a folder", "give --metrics a file"};
    // Taken first, read then: two tools may share the file.
    AtomicFile next{*folder, name, 0644, Deadline::after(std::chrono::seconds{10})};
    const auto before = read_own(*folder, name, next.fd());
    write_all(next.fd(), metrics.text(before, tool, status, seconds, std::time(nullptr)), file);
    next.commit();
}

} // namespace

std::string Metrics::text(std::string_view before, const std::string& tool, Exit status, double seconds,
                          std::int64_t now) const {
    const auto prefix = "pbx_" + tool + "_";
    const auto earlier = read(before, prefix);
    const auto was = [&](const std::string& name) {
        const auto found = earlier.values.find(name);
        return found == earlier.values.end() ? 0.0 : found->second;
    };
    std::string text = earlier.foreign;
    const auto count = [&](const std::string& name, const std::string& help, std::uint64_t more) {
        text +=
            heading(name, help, "counter") + fmt::format("{} {:.0f}\n", name, was(name) + static_cast<double>(more));
    };
    count(prefix + "runs_total", "Runs that came to an end.", 1);
    for (const auto& [name, help] : counters_) {
        const auto added = added_.find(name);
        count(prefix + name + "_total", help, added == added_.end() ? 0 : added->second);
    }

    const auto failures = prefix + "failures_total";
    text += heading(failures, "What could not be done, by kind; one run may count many.", "counter");
    for (const auto& [kind, word] : kinds) {
        const auto name = fmt::format("{}{{kind=\"{}\"}}", failures, word);
        const auto found = failures_.find(kind);
        text += fmt::format("{} {:.0f}\n", name,
                            was(name) + (found == failures_.end() ? 0.0 : static_cast<double>(found->second)));
    }

    const auto gauge = [&](const char* name, const char* help, double value, int digits) {
        text += heading(prefix + name, help, "gauge") + fmt::format("{}{} {:.{}f}\n", prefix, name, value, digits);
    };
    gauge("last_run_seconds", "How long the last run took.", seconds, 3);
    gauge("last_run_timestamp_seconds", "When the last run ended.", static_cast<double>(now), 0);
    gauge("last_run_exit_status", "Exit status of the last run, 0 is success.", static_cast<int>(status), 0);
    gauge("last_success_timestamp_seconds", "When a run last ended with 0.",
          status == Exit::ok ? static_cast<double>(now) : was(prefix + "last_success_timestamp_seconds"), 0);
    return text;
}

Exit with_metrics(const std::string& file, const std::string& tool, const Metrics::Counters& counters,
                  const std::function<Exit(Metrics&)>& work) {
    Metrics metrics{counters};
    if (file.empty())
        return work(metrics);
    const auto start = std::chrono::steady_clock::now();
    const auto seconds = [&] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    try {
        const auto status = work(metrics);
        try {
            write(file, tool, metrics, status, seconds());
        } catch (const Error& error) {
            words::error(error);
            return worst(status, error.kind());
        }
        return status;
    } catch (const Error& error) {
        metrics.fail(error.kind());
        try {
            write(file, tool, metrics, error.kind(), seconds());
        } catch (const Error& second) {
            words::error(second);
        }
        throw;
    }
}

} // namespace pbx::recording

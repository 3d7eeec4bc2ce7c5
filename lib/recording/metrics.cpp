// Counters grow over the life of the file, as Prometheus expects of them; what a run writes begins with what it read.
#include "recording/metrics.hpp"

#include "base/atomic_file.hpp"
#include "base/words.hpp"

#include <array>
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
            if (!line.empty())
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
    const auto before = folder->look(name) ? read_file(folder->path_of(name)) : std::string{};
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

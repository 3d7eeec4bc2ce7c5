// A file of /etc/cron.d, by cron's own rules.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pbx::check {

struct CronJob {
    bool is_hourly = false; ///< whether it runs in every hour of every day
    std::string user;
    std::string command;
};

/// The jobs of a crontab with users. Lines that cron does not understand, comments and variables are left out.
std::vector<CronJob> jobs_in(std::string_view crontab);

/// Whether a shell command runs `run`, a tool or a tool with its subcommand ("pbx-archive", "pbx-calls import"). The
/// tool's other subcommands are something else, and so is `command -v pbx-archive`.
bool starts_run(std::string_view command, std::string_view run);

/// Why cron ignores the file at `path` ("its name has a dot"), and what to do; empty when it does not, or when it
/// cannot be looked at. One line that cron cannot read is enough. crontab(5) and cron(8) of Debian.
struct CronFault {
    std::string text;
    std::string hint;
};
CronFault cron_fault(const std::filesystem::path& path, std::string_view content);

} // namespace pbx::check

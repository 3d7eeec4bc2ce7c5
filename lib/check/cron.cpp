// Whether something starts the hourly runs, and whether they ran.
#include "base/apart.hpp"
#include "base/fd.hpp"
#include "base/folder.hpp"
#include "base/identity.hpp"
#include "base/moment.hpp"
#include "base/trust.hpp"
#include "base/user.hpp"
#include "check/areas.hpp"
#include "check/crontab.hpp"
#include "check/session.hpp"
#include "db/nodes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace pbx::check {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::array runs{"pbx-calls import", "pbx-stitch", "pbx-archive"};

constexpr const char* default_crontab = "/etc/cron.d/pbx-recording-tools";
constexpr const char* enabled_timer = "/etc/systemd/system/timers.target.wants/pbx-recording-tools.timer";

// The time after which a run is late.
constexpr std::chrono::seconds hourly{2h + 15min};
constexpr std::chrono::seconds daily{26h};

// A time that is later than now by more than this is wrong.
constexpr std::chrono::seconds clock_tolerance{1min};

struct Schedule {
    std::chrono::seconds patience = daily;
    bool imports = false; ///< whether it runs the import, which only some machines need
};

bool is_cron(const fs::path& process) {
    std::error_code failed;
    if (!fs::exists(process / "comm", failed))
        return false;
    try {
        const auto name = read_file(process / "comm");
        return name == "cron\n" || name == "crond\n" || name == "fcron\n" || name == "bcron-sched\n";
    } catch (const Error&) {
        return false; // it has ended
    }
}

// systemd-cron has no daemon: it makes timers from crontabs.
bool has_generated_timer(const std::string& name) {
    std::error_code failed;
    const fs::directory_iterator made{"/run/systemd/generator", failed};
    return std::any_of(begin(made), end(made), [&](const fs::directory_entry& entry) {
        const auto file = entry.path().filename().native();
        return file.starts_with("cron-" + name) && file.ends_with(".timer");
    });
}

bool daemon_runs() {
    std::error_code failed;
    const fs::directory_iterator processes{"/proc", failed};
    return std::any_of(begin(processes), end(processes), [](const fs::directory_entry& entry) {
        const auto name = entry.path().filename().native();
        return name.find_first_not_of("0123456789") == std::string::npos && is_cron(entry.path());
    });
}

void check_daemon(const fs::path& crontab, Findings& findings) {
    if (daemon_runs() || has_generated_timer(crontab.filename().native()))
        findings.ok("the cron daemon is running");
    else
        findings.fail("no cron daemon is running", "systemctl enable --now cron");
}

void check_user(const CronJob& job, const CheckOptions& options, Findings& findings) {
    const auto* user = ::getpwnam(job.user.c_str());
    struct stat spool {};
    if (user == nullptr)
        findings.fail(fmt::format("cron cannot run the tools as {}: there is no such user", job.user),
                      fmt::format("install Asterisk, which creates its user, or change the user in {}", options.cron));
    else if (::stat(options.places.spool.c_str(), &spool) == 0 && user->pw_uid != 0 && user->pw_uid != spool.st_uid)
        findings.fail(
            fmt::format("cron runs the tools as {}, and the spool belongs to {}", job.user, account_name(spool.st_uid)),
            fmt::format("chown {}: {}, or change the user in {}", job.user, options.places.spool, options.cron));
}

// The line that starts `run`, if possible every hour.
const CronJob* find_job(const std::vector<CronJob>& jobs, const std::string& run) {
    const CronJob* found = nullptr;
    for (const auto& job : jobs)
        if (starts_run(job.command, run) && (found == nullptr || (job.is_hourly && !found->is_hourly)))
            found = &job;
    return found;
}

// Whether all runs have a line.
Schedule check_jobs(const std::vector<CronJob>& jobs, const CheckOptions& options, Findings& findings) {
    Schedule schedule{hourly};
    std::optional<CronJob> stitching;
    std::vector<std::string> rare;
    for (const std::string run : runs) {
        const auto* job = find_job(jobs, run);
        if (job == nullptr) {
            findings.add({run == runs.front() ? State::warning : State::failure,
                          fmt::format("no line of {} runs {}", options.cron, run),
                          "take the lines of the file crontab of this package"});
            continue;
        }
        stitching = *job;
        schedule.imports = schedule.imports || run == runs.front();
        if (!job->is_hourly)
            rare.push_back(run);
    }
    if (!rare.empty()) {
        schedule.patience = daily;
        findings.warn(fmt::format("{} does not run {} every hour of every day", options.cron, fmt::join(rare, ", ")),
                      "take the times of the file crontab of this package");
    }
    if (stitching)
        check_user(*stitching, options, findings);
    return schedule;
}

Schedule check_crontab(const CheckOptions& options, Findings& findings) {
    const fs::path path{options.cron};
    const auto text = read_file(path);
    if (const auto fault = cron_fault(path, text); !fault.text.empty())
        findings.fail(fmt::format("cron ignores {}: {}", options.cron, fault.text), fault.hint);
    const auto schedule = check_jobs(jobs_in(text), options, findings);
    check_daemon(path, findings);
    return schedule;
}

Schedule check_timer(const CheckOptions& options, Findings& findings) {
    const fs::path timer{options.cron};
    const auto service = fs::path{timer}.replace_extension(".service");
    const auto text = read_file(service);
    for (const std::string run : runs)
        if (!starts_run(text, run))
            findings.add({run == runs.front() ? State::warning : State::failure,
                          fmt::format("{} does not run {}", service.native(), run),
                          "take the commands of the file crontab of this package"});
    std::error_code failed;
    if (!fs::exists(timer.parent_path() / "timers.target.wants" / timer.filename(), failed) &&
        fs::weakly_canonical(enabled_timer, failed) != fs::weakly_canonical(timer, failed))
        findings.fail(options.cron + " is not enabled", "systemctl enable --now " + timer.filename().native());
    return {daily, starts_run(text, runs.front())};
}

void check_last_run(const std::string& tool, const std::optional<std::chrono::sys_seconds>& last,
                    std::chrono::sys_seconds now, std::chrono::seconds patience, Findings& findings) {
    if (last)
        findings.measure({"tool_last_run_timestamp_seconds", "When a tool last began to run.",
                          static_cast<double>(last->time_since_epoch().count()), fmt::format("tool=\"{}\"", tool)});
    const auto hint = "see what cron mailed, and run " + tool + " -v as the user that cron uses";
    if (!last)
        findings.fail(fmt::format("{} has never {} on this machine", tool, tool == runs.front() ? "succeeded" : "run"),
                      hint);
    else if (*last - now > clock_tolerance)
        findings.fail(
            fmt::format("{} ran at {}, which is in the future: a clock was wrong, and when it last ran is not "
                        "known",
                        tool, shown_time(*last)),
            fmt::format("set the clock of the database server, then run {} -v as the user that cron uses", tool));
    else if (now - *last > patience)
        findings.fail(fmt::format("{} last ran at {}", tool, shown_time(*last)), hint);
    else
        findings.ok(fmt::format("{} ran at {}", tool, shown_time(*last)));
}

// The first run of a new crontab may still be to come.
bool is_new(const std::string& path, std::chrono::sys_seconds now, std::chrono::seconds patience) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0)
        return false;
    const auto age = now - std::chrono::sys_seconds{std::chrono::seconds{status.st_ctime}};
    return age > -clock_tolerance && age < patience;
}

void check_last_runs(const CheckOptions& options, const Schedule& schedule, const Deadline& deadline,
                     Findings& findings) {
    become_owner_of(options.places.spool);
    end_with_parent(); // the system forgets it when the user changes
    soci::session session;
    if (!connect(session, options, deadline, findings, "last runs"))
        return;
    const auto table = db::list_nodes(session, deadline);
    const auto* own = table.find(db::this_node(options.node, options.places.spool));
    const auto row = own == nullptr ? db::NodeRow{} : *own;
    const auto patience = schedule.patience;
    const bool is_first_to_come = is_new(options.cron, current_second(), patience);
    if (!row.last_run() && is_first_to_come) {
        findings.ok("the tools have not run yet: " + options.cron + " is new");
        return;
    }
    check_last_run("pbx-stitch", row.last_stitch, table.now, patience, findings);
    if (!options.places.remote.empty())
        check_last_run("pbx-archive", row.last_archive, table.now, patience, findings);
    if (!row.last_import && schedule.imports && is_first_to_come)
        findings.ok("pbx-calls import has not run yet: " + options.cron + " is new");
    else if (row.last_import || schedule.imports)
        check_last_run("pbx-calls import", row.last_import, table.now, patience, findings);
}

} // namespace

void check_cron(const CheckOptions& options, const Deadline& deadline, Findings& findings) {
    std::error_code failed;
    auto with_default = options;
    if (options.cron.empty())
        with_default.cron = fs::exists(enabled_timer, failed) ? fs::canonical(enabled_timer).native() : default_crontab;
    Schedule schedule;
    if (!fs::exists(with_default.cron, failed))
        findings.fail("nothing starts the hourly runs: there is no " + with_default.cron,
                      "install the file crontab of this package there, or name another one, or a systemd timer, with "
                      "--cron");
    else
        schedule = with_default.cron.ends_with(".timer") ? check_timer(with_default, findings)
                                                         : check_crontab(with_default, findings);
    if (std::none_of(findings.all().begin(), findings.all().end(),
                     [](const Finding& found) { return found.state != State::ok; }))
        findings.ok(with_default.cron + " starts the hourly runs");
    check_last_runs(with_default, schedule, deadline, findings);
}

} // namespace pbx::check

// Asks the running Asterisk about itself, since files may contain what it has not loaded.
#include "base/identity.hpp"
#include "base/lines.hpp"
#include "check/areas.hpp"
#include "check/loaded_files.hpp"
#include "deploy/asterisk_listings.hpp"
#include "deploy/asterisk_version.hpp"
#include "deploy/cdr_settings.hpp"
#include "deploy/console.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <system_error>
#include <vector>

namespace pbx::check {

namespace {

constexpr int oldest_version = 16;
constexpr int newest_version = 22;

struct NeededModule {
    const char* name;
    State without;
    const char* consequence;
};

constexpr const char* no_dialplan = "the dialplan does not work";
constexpr const char* no_pause = "pbx-record cannot pause a recording";

constexpr std::array needed_modules{
    NeededModule{"app_mixmonitor", State::failure, "nothing is recorded"},
    NeededModule{"format_wav", State::failure, "nothing is recorded"},
    NeededModule{"cdr_pgsql", State::failure, "no CDR row reaches the database"},
    NeededModule{"func_cdr", State::failure, "no CDR row names its recording"},
    NeededModule{"app_forkcdr", State::failure, "legs have no CDR rows of their own"},
    NeededModule{"app_cdr", State::failure, "legs have no CDR rows of their own"},
    NeededModule{"pbx_config", State::failure, no_dialplan},
    NeededModule{"app_stack", State::failure, no_dialplan},
    NeededModule{"app_dial", State::failure, no_dialplan},
    NeededModule{"app_exec", State::failure, no_dialplan},
    NeededModule{"func_callerid", State::failure, no_dialplan},
    NeededModule{"func_channel", State::failure, no_dialplan},
    NeededModule{"func_cut", State::failure, no_dialplan},
    NeededModule{"func_db", State::failure, no_dialplan},
    NeededModule{"func_dialplan", State::failure, no_dialplan},
    NeededModule{"func_env", State::failure, no_dialplan},
    NeededModule{"func_global", State::failure, no_dialplan},
    NeededModule{"func_groupcount", State::failure, no_dialplan},
    NeededModule{"func_logic", State::failure, no_dialplan},
    NeededModule{"func_rand", State::failure, no_dialplan},
    NeededModule{"func_strings", State::failure, no_dialplan},
    NeededModule{"app_queue", State::failure, "there are no queues"},
    NeededModule{"res_pjsip", State::failure, "there are no phones and no trunks"},
    NeededModule{"chan_pjsip", State::failure, "there are no phones and no trunks"},
    NeededModule{"res_pjsip_header_funcs", State::failure, "calls that a trunk sends to \"s\" are refused"},
    NeededModule{"cdr_custom", State::warning, "CDR rows of an outage of the database are lost"},
    NeededModule{"app_db", State::warning, no_pause},
    NeededModule{"app_system", State::warning, no_pause},
    NeededModule{"app_verbose", State::warning, no_pause},
    NeededModule{"res_clioriginate", State::warning, no_pause},
};

constexpr std::array modules_for_consent{
    NeededModule{"app_read", State::failure, "calls that are asked for consent with a key end"},
    NeededModule{"app_playback", State::failure, "calls to which the recording is announced end"},
};

// Those of "module show" that run.
std::set<std::string> running_modules(const std::string& listing) {
    std::set<std::string> modules;
    for (const auto line : Lines{listing})
        if (const auto end = line.find(".so ");
            end != std::string_view::npos && line.find(" Running ") != std::string_view::npos)
            modules.emplace(line.substr(0, end));
    return modules;
}

bool is_in_group(gid_t group, const passwd& user) {
    std::vector<gid_t> groups(64);
    int count = static_cast<int>(groups.size());
    if (::getgrouplist(user.pw_name, user.pw_gid, groups.data(), &count) < 0)
        count = static_cast<int>(groups.size());
    groups.resize(static_cast<std::size_t>(count));
    return std::find(groups.begin(), groups.end(), group) != groups.end();
}

bool may_write(const struct stat& folder, uid_t user) {
    if (user == 0)
        return true;
    if (user == folder.st_uid)
        return (folder.st_mode & S_IWUSR) != 0;
    const auto* account = ::getpwuid(user);
    if (account != nullptr && is_in_group(folder.st_gid, *account))
        return (folder.st_mode & S_IWGRP) != 0;
    return (folder.st_mode & S_IWOTH) != 0;
}

class AsteriskCheck {
  public:
    AsteriskCheck(const CheckOptions& options, const Deadline& deadline, Findings& findings)
        : options_{options}, deadline_{deadline}, findings_{findings} {}

    void run() {
        check_version();
        check_cdr();
        check_folders();
        check_modules();
        check_loaded_files(
            options_, version_, [this](const std::string& command) { return ask(command); }, findings_);
    }

  private:
    std::string ask(const std::string& command) const {
        return deploy::ask_console(options_.console, command, deadline_,
                                   "is Asterisk running, and may this user talk to it? See --asterisk-dir and "
                                   "--asterisk");
    }

    void check_version() {
        const auto answer = ask("core show version");
        const auto major = deploy::version_in(answer).value_or(0);
        version_ = major;
        const auto shown = answer.substr(0, answer.find(" built by"));
        if (major < oldest_version)
            findings_.fail(shown + " is older than 16, the oldest that the dialplan works with", "upgrade Asterisk");
        else if (major > newest_version)
            findings_.warn(shown + " is newer than 22, the newest that was tested",
                           "try a call, and see whether its recording is complete");
        else
            findings_.ok(shown);
    }

    void check_modules() {
        std::vector<NeededModule> needed{needed_modules.begin(), needed_modules.end()};
        if (asks_for_consent(options_))
            needed.insert(needed.end(), modules_for_consent.begin(), modules_for_consent.end());
        const auto running = running_modules(ask("module show"));
        std::size_t missing = 0;
        for (const auto& module : needed) {
            if (running.contains(module.name))
                continue;
            ++missing;
            findings_.add({module.without,
                           fmt::format("the module {} is not running: {}", module.name, module.consequence),
                           fmt::format("add load = {0}.so to modules.conf, or see: asterisk -rx 'module load {0}.so'",
                                       module.name)});
        }
        if (missing == 0)
            findings_.ok(fmt::format("all {} modules that are needed are running", needed.size()));
    }

    void check_cdr() {
        const auto status = ask("cdr show status");
        const auto faults = deploy::cdr_faults(status);
        for (const auto& fault : faults)
            findings_.add({fault.rows_missing ? State::failure : State::warning, fault.text, deploy::cdr_hint(status)});
        if (faults.empty())
            findings_.ok("the CDR settings give each leg a row");
        check_backend(ask("cdr show pgsql status"));
    }

    // The first line is "Connected to pbx@/run/postgresql, port 5432 using table asterisk_cdr for 3 seconds."
    void check_backend(const std::string& status) {
        const auto line = status.substr(0, status.find('\n'));
        if (line.find("Connected to ") == std::string::npos)
            findings_.fail(
                "Asterisk is not connected to the database, so CDR rows are lost",
                "see cdr_pgsql.conf and the log of Asterisk, then: asterisk -rx 'module reload cdr_pgsql.so'");
        else if (line.find("table asterisk_cdr") == std::string::npos)
            findings_.warn("Asterisk writes its CDR rows into another table: " + line, "set table=asterisk_cdr in "
                                                                                       "cdr_pgsql.conf");
        else
            findings_.ok(line.substr(0, line.find(" for ")));
    }

    void check_folders() {
        const auto settings = ask("core show settings");
        check_writer(deploy::setting_shown(settings, "Run/Sockets directory"));
        const auto rows = std::filesystem::path{deploy::setting_shown(settings, "Log directory")} / "cdr-custom";
        std::error_code failed;
        if (rows.is_absolute() && !std::filesystem::exists(rows, failed) && !failed)
            findings_.warn(rows.native() + " does not exist, and cdr_custom does not create it",
                           fmt::format("install -d -o asterisk -g asterisk {}", rows.native()));
    }

    // The socket of the console belongs to the user that Asterisk runs as.
    void check_writer(const std::string& sockets) {
        struct stat socket {};
        struct stat spool {};
        if (::stat((sockets + "/asterisk.ctl").c_str(), &socket) != 0 ||
            ::stat(options_.places.spool.c_str(), &spool) != 0)
            return;
        const auto user = account_name(socket.st_uid);
        if (!may_write(spool, socket.st_uid))
            findings_.fail(fmt::format("Asterisk runs as {}, which may not write {}", user, options_.places.spool),
                           fmt::format("chown {}: {}", user, options_.places.spool));
        else
            findings_.ok(fmt::format("Asterisk runs as {}, which may write {}", user, options_.places.spool));
    }

    const CheckOptions& options_;
    const Deadline& deadline_;
    Findings& findings_;
    int version_ = 0;
};

} // namespace

void check_asterisk(const CheckOptions& options, const Deadline& deadline, Findings& findings) {
    AsteriskCheck{options, deadline, findings}.run();
}

} // namespace pbx::check

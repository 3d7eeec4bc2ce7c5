// The spool is listed first, then the remote, then the rows are read: a leg that moves meanwhile is seen in both
// places, and never in neither.
#include "archive/audit.hpp"

#include "archive/audit_report.hpp"
#include "archive/audit_spool.hpp"
#include "base/deadline.hpp"
#include "base/folder.hpp"
#include "base/hash.hpp"
#include "base/log.hpp"
#include "base/moment.hpp"
#include "base/name.hpp"
#include "base/progress.hpp"
#include "cdr/leg_audit.hpp"
#include "db/archives.hpp"
#include "db/organizations.hpp"
#include "db/session.hpp"
#include "dialplan/point_finder.hpp"
#include "recording/build.hpp"
#include "remote/query.hpp"
#include "remote/remote.hpp"
#include "spool/leg_file.hpp"
#include "spool/leg_folders.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace pbx::archive {

namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

// The spool as it was listed at first: a folder that cannot be read is an error, and not the end of the audit.
struct AuditedSpool {
    const spool::LegFolders& folders;
    std::vector<spool::Day> days{};
    Exit status = Exit::ok;

    void report(const Error& error) {
        log::error(error);
        status = worst(status, error.status());
    }
};

// In which folder each of these legs lies.
std::map<std::string, spool::Day> days_of(AuditedSpool& spool, const std::vector<std::string>& names) {
    const auto& folders = spool.folders;
    std::map<std::string, spool::Day> days;
    for (const auto& name : names)
        if (const auto found = folders.spool().look(name); found && (!folders.is_dated() || S_ISREG(found->st_mode)))
            days.emplace(name, spool::Day{});
    if (!folders.is_dated() || days.size() == names.size())
        return days;
    const std::set<std::string> wanted{names.begin(), names.end()};
    const auto add = [&](const spool::Day& day, const Folder& folder, const std::string& name) {
        const auto found = wanted.contains(name) ? spool::find_leg(folder, name) : std::nullopt;
        if (found && S_ISREG(found->st_mode))
            days.emplace(name, day);
    };
    folders.for_each_name(spool.days, add, [&](const Error& error) { spool.report(error); });
    return days;
}

// Asks the remote once more, about these files alone: a listing with hashes would read every file of some remotes, and
// the listing may have been made in the middle of an upload.
std::vector<std::string> find_differing(AuditedSpool& spool, Remote& remote, const std::vector<std::string>& names,
                                        const Deadline& deadline) {
    Progress progress{"comparing legs", "files"};
    progress.expect(names.size(), 0);
    const auto [objects, failures] = find_objects(remote, Shelf::legs, names, deadline);
    for (const auto& [name, failure] : failures)
        throw Error{failure.status(), pbx::shown(name) + ": " + failure.what(), failure.hint()};
    std::vector<std::string> result;
    const auto days = days_of(spool, names);
    for (const auto& name : names) {
        progress.add(1, 0);
        const auto object = objects.find(name);
        const auto day = days.find(name);
        const auto folder = day == days.end() ? nullptr : spool.folders.find_day(day->second);
        const auto file = folder ? folder->find(name) : std::nullopt;
        // A leg that has left one of the places since needs no comparison: pbx-archive compares before it removes.
        if (object == objects.end() || !file)
            continue;
        const auto what = "leg " + pbx::shown(name);
        const auto size = size_of(file->get(), what);
        const auto& md5 = object->second.md5;
        if (size != object->second.size || (!md5.empty() && md5_of_file(file->get(), size, what) != md5))
            result.push_back(name);
    }
    return result;
}

void add_remote(cdr::LegAudit& audit, Remote& remote, const Deadline& deadline) {
    audit.add_remote_files([&](const cdr::LegAudit::AddFile& add) {
        Progress progress{"listing the archive", "files"};
        const auto add_leg = [&](const std::string& path, const RemoteObject& object) {
            progress.add(1, 0);
            if (path.find('/') == std::string::npos && spool::is_leg_name(path))
                add({.name = path, .size = object.size, .modified = object.modified, .md5 = object.md5});
        };
        list_objects(remote, add_leg, deadline,
                     remote.lists_hashes(deadline) ? ListedHashes::wanted : ListedHashes::not_wanted);
    });
}

void print_problem(std::int64_t legs, const char* one, const char* several, const char* hint) {
    if (legs > 0)
        log::error({Exit::data, fmt::format("{} {}", legs, legs == 1 ? one : several), hint});
}

void print_problems(const cdr::AccountSummary& total) {
    print_problem(total.ambiguous,
                  "leg is ambiguous: another account claims it, by CDR rows or by the facts of the archived leg",
                  "legs are ambiguous: other accounts claim them, by CDR rows or by the facts of the archived legs",
                  "they are marked \"ambiguous\" in the report and are served to nobody; see \"Legs are ambiguous\" in "
                  "pbx-recording-tools(7), and where several nodes record, give each a name (node in pbx.conf)");
    print_problem(total.differs, "leg differs between the spool and the archive, or from what was archived",
                  "legs differ between the spool and the archive, or from what was archived",
                  "they are marked \"differs\" in the report; remove neither before you have listened to both: one may "
                  "be another node's recording");
    print_problem(
        total.missing, "leg is neither in the spool nor in the archive",
        "legs are neither in the spool nor in the archive",
        "they are marked \"missing\" in the report; look on other nodes, and at older versions in the bucket");
    print_problem(damaged(total), "leg has damaged audio", "legs have damaged audio",
                  "they are marked \"empty\", \"silent\", \"cut\", \"one-sided\" or \"short\" in the report; "
                  "pbx-archive(1) describes each");
}

// The organization with this accountcode; null where there is none.
const tenants::Organization* organization_of(const std::vector<tenants::Organization>& organizations,
                                             const std::string& account) {
    const auto found = std::find_if(organizations.begin(), organizations.end(),
                                    [&](const tenants::Organization& each) { return each.id == account; });
    return found == organizations.end() ? nullptr : &*found;
}

std::string account_of(const AuditOptions& options, const std::vector<tenants::Organization>& organizations) {
    const auto& tenant = options.tenant;
    if (tenant.organization.empty())
        return tenant.account.value_or("");
    const auto& id = organizations[db::find_organization(db::keys_of(organizations), tenant.organization)].id;
    db::require_agreement(tenant, id);
    return id;
}

// An audit of one account reports only names in its own rows: the other names belong to other accounts. An account
// learns nothing about an ambiguous leg.
void report_faults(cdr::LegAudit& audit, const std::string& account, const SpoolFaults& faults, AuditedSpool& spool) {
    if (faults.twice.empty() && faults.unjudged.empty())
        return;
    std::set<std::string> named;
    if (!account.empty())
        audit.for_each_row([&](const cdr::AuditedRow& row) {
            if (row.leg.state != "ambiguous")
                named.insert(row.recordingfile);
        });
    for (const auto& [name, why] : faults.unjudged)
        if (account.empty() || named.contains(name))
            log::warn("cannot judge leg {}: {}", pbx::shown(name), why);
    for (const auto& [name, paths] : faults.twice)
        if (account.empty() || named.contains(name))
            spool.report(spool::same_name(name, spool.folders.spool(), paths));
}

// Returns the worst status of what was wrong with the spool.
Exit compare(cdr::LegAudit& audit, const spool::LegFolders& folders, Remote& remote, const std::string& audited_account,
             const std::vector<tenants::Organization>& organizations, const Deadline& deadline) {
    AuditedSpool spool{folders};
    const auto fault = [&](const Error& error) { spool.report(error); };
    spool.days = folders.days(fault);
    const auto faults = add_spool(audit, folders, spool.days, fault);
    add_remote(audit, remote, deadline);
    const dialplan::PointFinder points{organizations};
    audit.compare([&](const std::vector<std::string>& names) { return find_differing(spool, remote, names, deadline); },
                  [&](const std::string& account, const std::string& context, const std::string& number) {
                      const auto point = points.find(account, context, number).value_or(dialplan::PassedPoint{});
                      return cdr::PointPolicy{point.recorded, point.answers, point.opt_in};
                  });
    report_faults(audit, audited_account, faults, spool);
    return spool.status;
}

void print(cdr::LegAudit& audit, const AuditReport& report) {
    if (report.options.json)
        print_json(audit, report);
    else if (report.options.csv)
        print_csv(audit, report);
    else
        print_text(audit, report);
}

} // namespace

Exit audit_recordings(const AuditOptions& options) {
    if (options.places.remote.empty())
        throw Error{Exit::config, "no remote is configured, so there is no archive to audit",
                    "set --remote or PBX_REMOTE to an rclone path such as gcs:bucket/recordings; see pbx.conf(5)"};
    const auto now = current_second();
    const auto since = options.since;
    const auto deadline = Deadline::of_run(options.timeout);
    const auto spool = Folder::open(options.places.spool);
    Remote remote{options.places.remote, options.places.rclone};
    soci::session session;
    db::connect(session, options.database, options.timeout);
    remote.accept_only(db::accepted_archives(session, remote.display_path(), deadline));
    remote.require_archive(deadline);
    const auto organizations = db::load_organizations(session);
    const auto account = account_of(options, organizations);

    if (!account.empty())
        db::require_known_account(session, account);
    cdr::LegAudit audit{session, {since, account, recording::patience_for_other_nodes, options.places.naming()}};
    const auto status = compare(audit, {spool, options.places.layout}, remote, account, organizations, deadline);
    auto accounts = audit.summary();
    const auto total = total_of(accounts);
    const auto exit = worst(status, exit_of(total));
    const auto* organization = organization_of(organizations, account);
    const auto name = organization == nullptr ? std::nullopt : std::optional{organization->name};
    print(audit, {options, remote.display_path(), since, now, account, name, std::move(accounts), total, exit});
    print_problems(total);
    return exit;
}

} // namespace pbx::archive

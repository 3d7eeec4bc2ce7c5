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

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pbx::archive {

namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

// Asks the remote once more, about these files alone: a listing with hashes would read every file of some remotes, and
// the listing may have been made in the middle of an upload.
std::vector<std::string> find_differing(const Folder& spool, Remote& remote, const std::vector<std::string>& names,
                                        const Deadline& deadline) {
    Progress progress{"comparing legs", "files"};
    progress.expect(names.size(), 0);
    const auto [objects, failures] = find_objects(remote, Shelf::legs, names, deadline);
    for (const auto& [name, failure] : failures)
        throw Error{failure.status(), pbx::shown(name) + ": " + failure.what(), failure.hint()};
    std::vector<std::string> result;
    for (const auto& name : names) {
        progress.add(1, 0);
        const auto object = objects.find(name);
        const auto file = spool.find(name);
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
                add({path, object.size, object.modified});
        };
        list_objects(remote, add_leg, deadline);
    });
}

void print_problem(std::int64_t legs, const char* one, const char* several, const char* hint) {
    if (legs > 0)
        log::error({Exit::data, fmt::format("{} {}", legs, legs == 1 ? one : several), hint});
}

void print_problems(const cdr::AccountSummary& total) {
    print_problem(total.ambiguous, "leg is ambiguous: rows of another account name it too",
                  "legs are ambiguous: rows of another account name them too",
                  "they are marked \"ambiguous\" in the report and are served to nobody; where several nodes record, "
                  "give each a name (node in pbx.conf)");
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
    if (options.organization.empty())
        return options.account;
    return organizations[db::find_organization(db::keys_of(organizations), options.organization)].id;
}

void compare(cdr::LegAudit& audit, const Folder& spool, Remote& remote,
             const std::vector<tenants::Organization>& organizations, const Deadline& deadline) {
    add_spool(audit, spool);
    add_remote(audit, remote, deadline);
    const dialplan::PointFinder points{organizations};
    audit.compare([&](const std::vector<std::string>& names) { return find_differing(spool, remote, names, deadline); },
                  [&](const std::string& account, const std::string& context, const std::string& number) {
                      const auto point = points.find(account, context, number).value_or(dialplan::PassedPoint{});
                      return cdr::PointPolicy{point.recorded, point.answers, point.opt_in};
                  });
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
    const auto since = options.since.empty() ? std::nullopt : std::optional{parse_time(options.since, now)};
    const auto deadline = Deadline::of_run(options.timeout);
    const auto spool = Folder::open(options.places.spool);
    Remote remote{options.places.remote, options.places.rclone};
    soci::session session;
    db::connect(session, options.database, options.timeout);
    remote.accept_only(db::accepted_archives(session, remote.display_path(), deadline));
    remote.require_archive(deadline);
    const auto organizations = db::load_organizations(session);
    const auto account = account_of(options, organizations);

    cdr::LegAudit audit{session, {since, account, recording::patience_for_other_nodes}};
    if (!account.empty() && !audit.knows_account())
        throw Error{Exit::no_input,
                    fmt::format("no organization and no CDR row has the accountcode \"{}\"", shown(account)),
                    "an accountcode is an organization's id; pbx-provision org list shows them"};
    compare(audit, spool, remote, organizations, deadline);
    auto accounts = audit.summary();
    const auto total = total_of(accounts);
    const auto* organization = organization_of(organizations, account);
    const auto name = organization == nullptr ? std::nullopt : std::optional{organization->name};
    print(audit, {options, remote.display_path(), since, now, account, name, std::move(accounts), total});
    print_problems(total);
    return exit_of(total);
}

} // namespace pbx::archive

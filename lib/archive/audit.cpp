// The spool is listed first, then the remote, then the rows are read: a leg that moves meanwhile is seen in both
// places, and never in neither.
#include "archive/audit.hpp"

#include "archive/audit_report.hpp"
#include "base/deadline.hpp"
#include "base/folder.hpp"
#include "base/hash.hpp"
#include "base/log.hpp"
#include "base/moment.hpp"
#include "base/name.hpp"
#include "base/progress.hpp"
#include "cdr/leg_audit.hpp"
#include "db/session.hpp"
#include "recording/build.hpp"
#include "remote/query.hpp"
#include "remote/remote.hpp"
#include "spool/leg_file.hpp"

#include <chrono>
#include <cstdint>
#include <string>
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

void add_spool(cdr::LegAudit& audit, const Folder& spool) {
    audit.add_local_files([&](const cdr::LegAudit::AddFile& add) {
        spool.for_each_name([&](const std::string& name) {
            const auto found = spool::find_leg(spool, name);
            if (found && S_ISREG(found->st_mode))
                add(name, static_cast<std::uint64_t>(found->st_size), sys_seconds{seconds{found->st_mtim.tv_sec}});
        });
    });
}

void add_remote(cdr::LegAudit& audit, Remote& remote, const Deadline& deadline) {
    audit.add_remote_files([&](const cdr::LegAudit::AddFile& add) {
        Progress progress{"listing the archive", "files"};
        const auto add_leg = [&](const std::string& path, const RemoteObject& object) {
            progress.add(1, 0);
            if (path.find('/') == std::string::npos && spool::is_leg_name(path))
                add(path, object.size, object.modified);
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
    print_problem(total.differs, "leg differs between the spool and the archive",
                  "legs differ between the spool and the archive",
                  "they are marked \"differs\" in the report; remove neither before you have listened to both: one may "
                  "be another node's recording");
    print_problem(
        total.missing, "leg is neither in the spool nor in the archive",
        "legs are neither in the spool nor in the archive",
        "they are marked \"missing\" in the report; look on other nodes, and at older versions in the bucket");
}

} // namespace

Exit audit_recordings(const AuditOptions& options) {
    if (options.places.remote.empty())
        throw Error{Exit::config, "no remote is configured, so there is no archive to audit",
                    "set --remote or PBX_REMOTE to an rclone path such as gcs:bucket/recordings; see pbx.conf(5)"};
    const auto now = std::chrono::floor<seconds>(std::chrono::system_clock::now());
    const auto since = options.since.empty() ? sys_seconds{} : parse_time(options.since, now);
    const auto deadline = Deadline::of_run(options.timeout);
    const auto spool = Folder::open(options.places.spool);
    Remote remote{options.places.remote, options.places.rclone, -1, RemoteRoot::may_be_new};
    soci::session session;
    db::connect(session, options.database, options.timeout);

    cdr::LegAudit audit{session, since, options.account, recording::patience_for_other_nodes};
    add_spool(audit, spool);
    add_remote(audit, remote, deadline);
    audit.compare(
        [&](const std::vector<std::string>& names) { return find_differing(spool, remote, names, deadline); });
    auto accounts = audit.summary();
    const auto total = total_of(accounts);
    const AuditReport report{options, remote.display_path(), since, now, std::move(accounts), total};
    if (options.json)
        print_json(audit, report);
    else
        print_text(audit, report);
    print_problems(total);
    return exit_of(total);
}

} // namespace pbx::archive

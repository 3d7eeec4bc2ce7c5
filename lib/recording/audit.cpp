// One listing of the spool, then one of the remote, then the rows: a leg that moves meanwhile is seen in both places,
// and never in neither.
#include "recording/audit.hpp"

#include "base/deadline.hpp"
#include "base/folder.hpp"
#include "base/hash.hpp"
#include "base/moment.hpp"
#include "base/name.hpp"
#include "base/printable.hpp"
#include "base/progress.hpp"
#include "base/words.hpp"
#include "cdr/leg_audit.hpp"
#include "db/session.hpp"
#include "recording/build.hpp"
#include "remote/query.hpp"
#include "remote/remote.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <ctime>

namespace pbx::recording {

namespace {

bool is_leg(std::string_view name) {
    return name.size() > 4 && name.front() != '.' && (name.ends_with(".wav") || name.ends_with(".WAV"));
}

// A reader that went away is not our failure; what else goes wrong with stdout shows when it is flushed.
void put(const std::string& text) {
    [[maybe_unused]] const auto written = std::fwrite(text.data(), 1, text.size(), stdout);
}

std::string compact(const nlohmann::json& json) {
    return json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

nlohmann::json size_or_null(std::int64_t size) {
    return size < 0 ? nlohmann::json{} : nlohmann::json(size);
}

const char* place_of(const cdr::Orphan& orphan) {
    if (orphan.local < 0 || orphan.remote < 0)
        return orphan.local < 0 ? "remote" : "local";
    return orphan.differs ? "differs" : "both";
}

nlohmann::json numbers(const cdr::AccountSummary& sum) {
    return {
        {"calls", sum.calls},     {"unrecorded", sum.unrecorded}, {"legs", sum.legs},     {"ambiguous", sum.ambiguous},
        {"differs", sum.differs}, {"local", sum.local},           {"remote", sum.remote}, {"both", sum.both},
        {"awaited", sum.awaited}, {"missing", sum.missing},       {"empty", sum.empty},   {"orphans", sum.orphans},
        {"bytes", sum.bytes}};
}

cdr::AccountSummary total_of(const std::vector<cdr::AccountSummary>& summary) {
    cdr::AccountSummary total;
    total.organization = "total";
    for (const auto& one : summary) {
        total.calls += one.calls;
        total.unrecorded += one.unrecorded;
        total.legs += one.legs;
        total.ambiguous += one.ambiguous;
        total.differs += one.differs;
        total.local += one.local;
        total.remote += one.remote;
        total.both += one.both;
        total.awaited += one.awaited;
        total.missing += one.missing;
        total.empty += one.empty;
        total.orphans += one.orphans;
        total.bytes += one.bytes;
    }
    return total;
}

// What the report is printed for: legs that somebody must look at.
bool is_fault(const cdr::AuditedRow& row) {
    return row.size() < 0 || row.ambiguous || row.differs;
}

Exit status_of(const cdr::AccountSummary& total) {
    return total.ambiguous + total.differs + total.missing > 0 ? Exit::data : Exit::ok;
}

void print_json(cdr::LegAudit& audit, const AuditOptions& options, std::int64_t since, std::int64_t now,
                const std::vector<cdr::AccountSummary>& summary) {
    put("{\"made\":" + compact(iso_time(now)) +
        ",\n\"since\":" + (options.since.empty() ? "null" : compact(iso_time(since))) + ",\n\"rows\":[");
    const char* between = "\n";
    audit.for_each_row([&](const cdr::AuditedRow& row) {
        if (options.summary && !is_fault(row))
            return;
        put(between + compact({{"id", row.id},
                               {"start", iso_time(row.calldate)},
                               {"linkedid", row.linkedid},
                               {"accountcode", row.accountcode},
                               {"recordingfile", row.recordingfile},
                               {"state", row.state()},
                               {"local", size_or_null(row.local)},
                               {"remote", size_or_null(row.remote)}}));
        between = ",\n";
    });
    put("],\n\"orphans\":[");
    between = "\n";
    audit.for_each_orphan([&](const cdr::Orphan& orphan) {
        put(between + compact({{"name", orphan.name},
                               {"state", place_of(orphan)},
                               {"accountcode", orphan.account},
                               {"local", size_or_null(orphan.local)},
                               {"remote", size_or_null(orphan.remote)}}));
        between = ",\n";
    });
    auto organizations = nlohmann::json::array();
    for (const auto& one : summary) {
        auto entry = numbers(one);
        entry["accountcode"] = one.account;
        entry["organization"] = one.organization;
        organizations.push_back(entry);
    }
    const auto total = total_of(summary);
    put("],\n\"organizations\":" + compact(organizations) + ",\n\"total\":" + compact(numbers(total)) +
        ",\n\"exit\":" + std::to_string(static_cast<int>(status_of(total))) + "}\n");
}

std::string line_of(const cdr::AccountSummary& sum) {
    auto name = printable(sum.organization);
    if (name.empty())
        name = sum.account.empty() ? "(no account)" : "(unknown) " + printable(pbx::shown(sum.account));
    constexpr std::size_t width = 28;
    std::size_t characters = 0;
    std::size_t end = 0;
    while (end < name.size() && (characters < width || (static_cast<unsigned char>(name[end]) & 0xc0U) == 0x80U))
        characters += (static_cast<unsigned char>(name[end++]) & 0xc0U) != 0x80U ? 1 : 0;
    return fmt::format("{}{} {:>8} {:>10} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>7} {:>8}\n",
                       name.substr(0, end), std::string(width - std::min(width, characters), ' '), sum.calls,
                       sum.unrecorded, sum.legs, sum.ambiguous, sum.differs, sum.local, sum.remote, sum.both,
                       sum.awaited, sum.missing, sum.empty, sum.orphans);
}

void print_text(cdr::LegAudit& audit, const AuditOptions& options, const std::string& remote, std::int64_t since,
                std::int64_t now, const std::vector<cdr::AccountSummary>& summary) {
    audit.for_each_row([&](const cdr::AuditedRow& row) {
        if (!options.summary || is_fault(row))
            put(fmt::format("{}\t{}\t{}\t{}\t{}\t{}\n", row.state(), printable(row.recordingfile),
                            iso_time(row.calldate), printable(row.accountcode), printable(row.linkedid),
                            row.size() < 0 ? std::string{"-"} : std::to_string(row.size())));
    });
    audit.for_each_orphan([&](const cdr::Orphan& orphan) {
        put(fmt::format("orphan\t{}\t-\t{}\t{}\t{}\n", printable(orphan.name),
                        orphan.account.empty() ? "-" : printable(orphan.account), place_of(orphan),
                        orphan.local >= 0 ? orphan.local : orphan.remote));
    });
    put(fmt::format("\nRecording audit, {}\nSpool {}, archive {}, calls {}\n\n", iso_time(now),
                    printable(options.places.spool), printable(remote),
                    options.since.empty() ? "of all times" : "since " + iso_time(since)));
    put(fmt::format("{:<28} {:>8} {:>10} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>7} {:>8}\n", "organization",
                    "calls", "unrecorded", "legs", "ambiguous", "differs", "local", "remote", "both", "awaited",
                    "missing", "empty", "orphans"));
    for (const auto& one : summary)
        put(line_of(one));
    const auto total = total_of(summary);
    put(line_of(total));
    put("\ncalls: answered, and to be recorded by today's policy; unrecorded: of those, calls that name no leg\n"
        "ambiguous: legs that another account's rows name too, which are served to nobody\n"
        "differs: legs in both places, with different content\n"
        "local, remote, both, missing: where the other legs are; empty: legs without audio; orphans: files no row "
        "names\n"
        "awaited: in neither place, of a call that ended within the hour; another node may still bring it\n\n");
    const auto legs = [](std::int64_t count) { return fmt::format("{} {}", count, count == 1 ? "leg" : "legs"); };
    if (total.ambiguous > 0)
        put(fmt::format("{} of {} legs are ambiguous.\n", total.ambiguous, total.legs));
    if (total.differs > 0)
        put(fmt::format("{} of {} legs differ between the spool and the archive.\n", total.differs, total.legs));
    if (total.missing > 0)
        put(fmt::format("{} of {} legs are missing.\n", total.missing, total.legs));
    if (status_of(total) != Exit::ok)
        return;
    if (total.awaited > 0)
        put(fmt::format("None of {} is missing, but {} cannot be vouched for yet: audit again in an hour.\n",
                        legs(total.legs), legs(total.awaited)));
    else
        put(fmt::format("All {} legs exist, {:.1f} MB.\n", total.legs, static_cast<double>(total.bytes) / 1e6));
}

// The remote is asked once more, about these files alone: its listing has no hashes, since for one it would read all of
// some remotes, and may have met an upload halfway.
std::vector<std::string> differing(const Folder& spool, Remote& remote, const std::vector<std::string>& names,
                                   const Deadline& deadline) {
    Progress progress{"comparing legs", "files"};
    progress.expect(names.size(), 0);
    const auto [objects, failures] = find_objects(remote, Shelf::legs, names, deadline);
    for (const auto& [name, failure] : failures)
        throw Error{failure.kind(), pbx::shown(name) + ": " + failure.what(), failure.hint()};
    std::vector<std::string> result;
    for (const auto& name : names) {
        progress.add(1, 0);
        const auto object = objects.find(name);
        const auto file = spool.find(name);
        // One that left its place since is not compared: pbx-archive did so before it removed a leg.
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

void say_legs(std::int64_t count, const char* one, const char* several, const char* hint) {
    if (count > 0)
        words::error({Exit::data, fmt::format("{} {}", count, count == 1 ? one : several), hint});
}

} // namespace

Exit audit(const AuditOptions& options) {
    if (options.places.remote.empty())
        throw Error{Exit::config, "no remote is configured, so there is no archive to audit",
                    "set --remote or PBX_REMOTE to an rclone path such as gcs:bucket/recordings; see pbx.conf(5)"};
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    const auto since = options.since.empty() ? 0 : parse_moment(options.since, now);
    const auto deadline = Deadline::after(options.timeout);
    const auto spool = Folder::open(options.places.spool);
    Remote remote{options.places.remote, options.places.rclone, -1, RemoteRoot::may_be_new};
    soci::session session;
    db::connect(session, options.database, options.timeout);

    cdr::LegAudit audit{session, since, options.account, patience_for_other_nodes.count()};
    using Place = cdr::LegAudit::Place;
    audit.fill(Place::local, [&](const cdr::LegAudit::Take& take) {
        spool.for_each_name([&](const std::string& name) {
            const auto found = is_leg(name) ? spool.look(name) : std::nullopt;
            if (found && S_ISREG(found->st_mode))
                take(name, static_cast<std::uint64_t>(found->st_size), found->st_mtim.tv_sec);
        });
    });
    audit.fill(Place::remote, [&](const cdr::LegAudit::Take& take) {
        Progress progress{"listing the archive", "files"};
        list_objects(
            remote,
            [&](const std::string& name, const RemoteObject& object) {
                progress.add(1, 0);
                if (is_leg(name) && name.find('/') == std::string::npos)
                    take(name, object.size, object.modified.time_since_epoch().count());
            },
            deadline);
    });
    audit.compare([&](const std::vector<std::string>& names) { return differing(spool, remote, names, deadline); });
    const auto summary = audit.summary();
    if (options.json)
        print_json(audit, options, since, now, summary);
    else
        print_text(audit, options, remote.display_path(), since, now, summary);
    const auto total = total_of(summary);
    say_legs(
        total.ambiguous, "leg is ambiguous: rows of another account name it too",
        "legs are ambiguous: rows of another account name them too",
        "they are marked \"ambiguous\" in the report and are served to nobody; where several nodes record, give each "
        "a name (node in pbx.conf)");
    say_legs(total.differs, "leg differs between the spool and the archive",
             "legs differ between the spool and the archive",
             "they are marked \"differs\" in the report; remove neither before you have heard both: one may be "
             "another node's recording");
    say_legs(total.missing, "leg is neither in the spool nor in the archive",
             "legs are neither in the spool nor in the archive",
             "they are marked \"missing\" in the report; look on other nodes, and at older versions in the bucket");
    return status_of(total);
}

} // namespace pbx::recording

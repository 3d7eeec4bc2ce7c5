// One listing of the spool, then one of the remote, then the rows: a leg that moves meanwhile is seen in both places,
// and never in neither.
#include "recording/audit.hpp"

#include "base/deadline.hpp"
#include "base/folder.hpp"
#include "base/moment.hpp"
#include "base/name.hpp"
#include "base/progress.hpp"
#include "base/table.hpp"
#include "base/words.hpp"
#include "cdr/leg_audit.hpp"
#include "db/session.hpp"
#include "recording/build.hpp"
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
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

nlohmann::json size_or_null(std::int64_t size) {
    return size < 0 ? nlohmann::json{} : nlohmann::json(size);
}

const char* place_of(const cdr::Orphan& orphan) {
    return orphan.local < 0 ? "remote" : orphan.remote < 0 ? "local" : "both";
}

nlohmann::json numbers(const cdr::AccountSummary& sum) {
    return {{"calls", sum.calls},     {"unrecorded", sum.unrecorded},
            {"legs", sum.legs},       {"local", sum.local},
            {"remote", sum.remote},   {"both", sum.both},
            {"awaited", sum.awaited}, {"missing", sum.missing},
            {"empty", sum.empty},     {"orphans", sum.orphans},
            {"bytes", sum.bytes}};
}

cdr::AccountSummary total_of(const std::vector<cdr::AccountSummary>& summary) {
    cdr::AccountSummary total;
    total.organization = "total";
    for (const auto& one : summary) {
        total.calls += one.calls;
        total.unrecorded += one.unrecorded;
        total.legs += one.legs;
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

void print_json(cdr::LegAudit& audit, const AuditOptions& options, std::int64_t since, std::int64_t now,
                const std::vector<cdr::AccountSummary>& summary) {
    put("{\"made\":" + compact(iso_time(now)) +
        ",\n\"since\":" + (options.since.empty() ? "null" : compact(iso_time(since))) + ",\n\"rows\":[");
    const char* between = "\n";
    audit.for_each_row([&](const cdr::AuditedRow& row) {
        if (options.summary && row.local + row.remote > -2)
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
        ",\n\"exit\":" + std::to_string(total.missing > 0 ? static_cast<int>(Exit::data) : 0) + "}\n");
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
    return fmt::format("{}{} {:>8} {:>10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>7} {:>8}\n", name.substr(0, end),
                       std::string(width - std::min(width, characters), ' '), sum.calls, sum.unrecorded, sum.legs,
                       sum.local, sum.remote, sum.both, sum.awaited, sum.missing, sum.empty, sum.orphans);
}

void print_text(cdr::LegAudit& audit, const AuditOptions& options, const std::string& remote, std::int64_t since,
                std::int64_t now, const std::vector<cdr::AccountSummary>& summary) {
    audit.for_each_row([&](const cdr::AuditedRow& row) {
        if (!options.summary || row.size() < 0)
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
    put(fmt::format("{:<28} {:>8} {:>10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>7} {:>8}\n", "organization", "calls",
                    "unrecorded", "legs", "local", "remote", "both", "awaited", "missing", "empty", "orphans"));
    for (const auto& one : summary)
        put(line_of(one));
    const auto total = total_of(summary);
    put(line_of(total));
    put("\ncalls: answered, and to be recorded by today's policy; unrecorded: of those, calls that name no leg\n"
        "local, remote, both, missing: where each leg is; empty: legs without audio; orphans: files no row names\n"
        "awaited: in neither place, of a call that ended within the hour; another node may still bring it\n\n");
    const auto legs = [](std::int64_t count) { return fmt::format("{} {}", count, count == 1 ? "leg" : "legs"); };
    if (total.missing > 0)
        put(fmt::format("{} of {} legs are missing.\n", total.missing, total.legs));
    else if (total.awaited > 0)
        put(fmt::format("None of {} is missing, but {} cannot be vouched for yet: audit again in an hour.\n",
                        legs(total.legs), legs(total.awaited)));
    else
        put(fmt::format("All {} legs exist, {:.1f} MB.\n", total.legs, static_cast<double>(total.bytes) / 1e6));
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
    const Remote remote{options.places.remote, options.places.rclone, -1, RemoteRoot::may_be_new};
    soci::session session;
    db::connect(session, options.database, options.timeout);

    cdr::LegAudit audit{session, since, options.account, patience_for_other_nodes};
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
        remote.list(
            [&](const std::string& name, const RemoteObject& object) {
                progress.add(1, 0);
                if (is_leg(name) && name.find('/') == std::string::npos)
                    take(name, object.size, object.modified);
            },
            deadline);
    });
    audit.compare();
    const auto summary = audit.summary();
    if (options.json)
        print_json(audit, options, since, now, summary);
    else
        print_text(audit, options, remote.shown(), since, now, summary);
    const auto missing = total_of(summary).missing;
    if (missing == 0)
        return Exit::ok;
    words::error(
        {Exit::data,
         fmt::format("{} {} neither in the spool nor in the archive", missing, missing == 1 ? "leg is" : "legs are"),
         "they are marked \"missing\" in the report; look on other nodes, and at older versions in the bucket"});
    return Exit::data;
}

} // namespace pbx::recording

// Rows go out as they come from the database: a million of them need no memory here.
#include "archive/audit_report.hpp"

#include "base/moment.hpp"
#include "base/name.hpp"
#include "base/output.hpp"
#include "base/printable.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace pbx::archive {

namespace {

std::string compact(const nlohmann::json& json) {
    return json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

nlohmann::json size_or_null(const std::optional<std::uint64_t>& size) {
    return size ? nlohmann::json(*size) : nlohmann::json{};
}

const char* state_of(const cdr::Orphan& orphan) {
    if (!orphan.found.local || !orphan.found.remote)
        return orphan.found.local ? "local" : "remote";
    return orphan.found.differs ? "differs" : "both";
}

// Whether somebody must look at the leg.
bool has_problem(const cdr::AuditedRow& row) {
    return !row.found.anywhere() || row.ambiguous || row.found.differs;
}

using Count = std::int64_t cdr::AccountSummary::*;

constexpr std::array<std::pair<const char*, Count>, 13> counts{{
    {"calls", &cdr::AccountSummary::calls},
    {"unrecorded", &cdr::AccountSummary::unrecorded},
    {"legs", &cdr::AccountSummary::legs},
    {"ambiguous", &cdr::AccountSummary::ambiguous},
    {"differs", &cdr::AccountSummary::differs},
    {"local", &cdr::AccountSummary::local},
    {"remote", &cdr::AccountSummary::remote},
    {"both", &cdr::AccountSummary::both},
    {"awaited", &cdr::AccountSummary::awaited},
    {"missing", &cdr::AccountSummary::missing},
    {"empty", &cdr::AccountSummary::empty},
    {"orphans", &cdr::AccountSummary::orphans},
    {"bytes", &cdr::AccountSummary::bytes},
}};

nlohmann::json numbers(const cdr::AccountSummary& sum) {
    nlohmann::json result;
    for (const auto& [name, count] : counts)
        result[name] = sum.*count;
    return result;
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

void print_rows(cdr::LegAudit& audit, const AuditReport& report) {
    audit.for_each_row([&](const cdr::AuditedRow& row) {
        if (!report.options.summary || has_problem(row))
            output::write(fmt::format("{}\t{}\t{}\t{}\t{}\t{}\n", row.state(), printable(row.recordingfile),
                                      iso_time(row.calldate), printable(row.accountcode), printable(row.linkedid),
                                      row.found.anywhere() ? std::to_string(row.found.size()) : std::string{"-"}));
    });
    audit.for_each_orphan([&](const cdr::Orphan& orphan) {
        output::write(fmt::format("orphan\t{}\t-\t{}\t{}\t{}\n", printable(orphan.name),
                                  orphan.account.empty() ? "-" : printable(orphan.account), state_of(orphan),
                                  orphan.found.size()));
    });
}

void print_table(const AuditReport& report) {
    output::write(fmt::format("\nRecording audit, {}\nSpool {}, archive {}, calls {}\n\n", iso_time(report.now),
                              printable(report.options.places.spool), printable(report.remote),
                              report.options.since.empty() ? "of all times" : "since " + iso_time(report.since)));
    output::write(fmt::format("{:<28} {:>8} {:>10} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>7} {:>8}\n",
                              "organization", "calls", "unrecorded", "legs", "ambiguous", "differs", "local", "remote",
                              "both", "awaited", "missing", "empty", "orphans"));
    for (const auto& one : report.accounts)
        output::write(line_of(one));
    output::write(line_of(report.total));
    output::write(
        "\ncalls: answered, and to be recorded by today's policy; unrecorded: of those, calls that name no leg\n"
        "ambiguous: legs that another account's rows name too, which are served to nobody\n"
        "differs: legs in both places, with different content\n"
        "local, remote, both, missing: where the other legs are; empty: legs without audio; orphans: files no row "
        "names\n"
        "awaited: in neither place, of a call that ended within the hour; another node may still bring it\n\n");
}

void print_conclusion(const cdr::AccountSummary& total) {
    const auto legs = [](std::int64_t count) { return fmt::format("{} {}", count, count == 1 ? "leg" : "legs"); };
    if (total.ambiguous > 0)
        output::write(fmt::format("{} of {} legs are ambiguous.\n", total.ambiguous, total.legs));
    if (total.differs > 0)
        output::write(
            fmt::format("{} of {} legs differ between the spool and the archive.\n", total.differs, total.legs));
    if (total.missing > 0)
        output::write(fmt::format("{} of {} legs are missing.\n", total.missing, total.legs));
    if (exit_of(total) != Exit::ok)
        return;
    if (total.awaited > 0)
        output::write(fmt::format("None of {} is missing, but {} cannot be vouched for yet: audit again in an hour.\n",
                                  legs(total.legs), legs(total.awaited)));
    else
        output::write(
            fmt::format("All {} legs exist, {:.1f} MB.\n", total.legs, static_cast<double>(total.bytes) / 1e6));
}

} // namespace

cdr::AccountSummary total_of(const std::vector<cdr::AccountSummary>& summary) {
    cdr::AccountSummary total;
    total.organization = "total";
    for (const auto& one : summary)
        for (const auto& [name, count] : counts)
            total.*count += one.*count;
    return total;
}

Exit exit_of(const cdr::AccountSummary& total) {
    return total.ambiguous + total.differs + total.missing > 0 ? Exit::data : Exit::ok;
}

void print_json(cdr::LegAudit& audit, const AuditReport& report) {
    output::write("{\"made\":" + compact(iso_time(report.now)) + ",\n\"since\":" +
                  (report.options.since.empty() ? "null" : compact(iso_time(report.since))) + ",\n\"rows\":[");
    const char* between = "\n";
    audit.for_each_row([&](const cdr::AuditedRow& row) {
        if (report.options.summary && !has_problem(row))
            return;
        output::write(between + compact({{"id", row.id},
                                         {"start", iso_time(row.calldate)},
                                         {"linkedid", row.linkedid},
                                         {"accountcode", row.accountcode},
                                         {"recordingfile", row.recordingfile},
                                         {"state", row.state()},
                                         {"local", size_or_null(row.found.local)},
                                         {"remote", size_or_null(row.found.remote)}}));
        between = ",\n";
    });
    output::write("],\n\"orphans\":[");
    between = "\n";
    audit.for_each_orphan([&](const cdr::Orphan& orphan) {
        output::write(between + compact({{"name", orphan.name},
                                         {"state", state_of(orphan)},
                                         {"accountcode", orphan.account},
                                         {"local", size_or_null(orphan.found.local)},
                                         {"remote", size_or_null(orphan.found.remote)}}));
        between = ",\n";
    });
    auto organizations = nlohmann::json::array();
    for (const auto& one : report.accounts) {
        auto entry = numbers(one);
        entry["accountcode"] = one.account;
        entry["organization"] = one.organization;
        organizations.push_back(entry);
    }
    output::write("],\n\"organizations\":" + compact(organizations) + ",\n\"total\":" + compact(numbers(report.total)) +
                  ",\n\"exit\":" + std::to_string(static_cast<int>(exit_of(report.total))) + "}\n");
}

void print_text(cdr::LegAudit& audit, const AuditReport& report) {
    print_rows(audit, report);
    print_table(report);
    print_conclusion(report.total);
}

} // namespace pbx::archive

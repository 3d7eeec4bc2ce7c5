// Lines for programs, separated by tabs, and then one page for people, of at most 100 columns.
#include "archive/audit_report.hpp"
#include "base/moment.hpp"
#include "base/name.hpp"
#include "base/output.hpp"
#include "base/printable.hpp"

#include <fmt/format.h>
#include <version.hpp>

#include <algorithm>

namespace pbx::archive {

namespace {

std::string or_dash(const std::string& text) {
    return text.empty() ? "-" : printable(text);
}

std::string size_of(const cdr::FoundLeg& leg) {
    const auto size = leg.local ? leg.local : leg.remote;
    return size ? std::to_string(*size) : "-";
}

void print_rows(cdr::LegAudit& audit, const AuditReport& report) {
    audit.for_each_row([&](const cdr::AuditedRow& row) {
        if (!report.options.summary || has_problem(row.leg))
            output::print("{}\t{}\t{}\t{}\t{}\t{}\t{}\n", row.leg.state, printable(row.recordingfile),
                          iso_time(row.calldate), printable(row.accountcode), printable(row.linkedid), size_of(row.leg),
                          or_dash(row.leg.worth));
    });
}

void print_orphans(cdr::LegAudit& audit) {
    audit.for_each_orphan([](const cdr::Orphan& orphan) {
        const auto start = start_of(orphan);
        output::print("orphan\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", printable(orphan.name),
                      start ? iso_time(*start) : "-", or_dash(orphan.account), orphan.leg.state, size_of(orphan.leg),
                      or_dash(orphan.leg.worth), or_dash(orphan.source), or_dash(orphan.extension));
    });
}

void print_calls(cdr::LegAudit& audit, const AuditReport& report) {
    audit.for_each_faulty_call([&](const cdr::FaultyCall& call) {
        if (!report.options.summary || has_problem(call))
            output::print("call\t{}\t{}\t{}\t{}\t{}\t{}\n", call.verdict, printable(call.linkedid),
                          iso_time(call.start), or_dash(call.from), or_dash(call.to),
                          printable(call.organization.value_or(call.accountcode)));
    });
}

// In `width` characters, of which the last is a blank.
std::string padded(const std::string& text, std::size_t width) {
    std::size_t characters = 0;
    std::size_t end = 0;
    const auto continues = [&] { return (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U; };
    while (end < text.size() && (characters + 1 < width || continues()))
        characters += continues() ? 0 : 1, ++end;
    return text.substr(0, end) + std::string(width - characters, ' ');
}

std::string name_of(const cdr::AccountSummary& sum) {
    if (sum.organization)
        return printable(*sum.organization);
    return sum.account.empty() ? "(no account)" : "(unknown) " + printable(shown(sum.account));
}

void print_header(const AuditReport& report) {
    const auto line = [](const char* what, const std::string& value) { output::print("  {:<9}{}\n", what, value); };
    auto account = report.account.empty() ? std::string{"all"} : printable(shown(report.account));
    if (report.organization)
        account = printable(*report.organization) + " (" + account + ")";
    output::write("\nRecording audit\n\n");
    line("made", fmt::format("{} by pbx-archive {}", iso_time(report.now), version));
    line("calls", report.since ? "since " + iso_time(*report.since) : "at any time");
    line("account", account);
    line("spool", printable(report.options.places.spool));
    line("archive", printable(report.remote));
    line("policy", audited_policy);
}

struct Explanation {
    const char* name;
    Count count;
    const char* meaning;
};

constexpr std::array<Explanation, 6> of_calls{{
    {"sound", &cdr::AccountSummary::sound, "recorded, and nothing is known against any leg"},
    {"unrecorded", &cdr::AccountSummary::unrecorded, "no CDR row names a leg"},
    {"faulty", &cdr::AccountSummary::faulty, "a leg is ambiguous, missing, different, or damaged"},
    {"pending", &cdr::AccountSummary::pending, "another node may still bring a leg: audit again in an hour"},
    {"unproven", &cdr::AccountSummary::unproven,
     "little is known of the audio of a leg, or Asterisk is still writing it"},
    {"declined", &cdr::AccountSummary::declined, "not among these calls: consent to a recording was declined"},
}};

constexpr std::array<Explanation, 7> of_places{{
    {"local", &cdr::AccountSummary::local, "in the spool"},
    {"remote", &cdr::AccountSummary::remote, "in the archive"},
    {"both", &cdr::AccountSummary::both, "in both"},
    {"awaited", &cdr::AccountSummary::awaited, "in neither, and the call ended within the hour"},
    {"missing", &cdr::AccountSummary::missing, "in neither"},
    {"ambiguous", &cdr::AccountSummary::ambiguous, "another account's rows name it too: it is served to nobody"},
    {"differs", &cdr::AccountSummary::differs, "in both with different content, or not what was archived"},
}};

constexpr std::array<Explanation, 7> of_worth{{
    {"empty", &cdr::AccountSummary::empty, "no audio, although there was time to talk"},
    {"paused", &cdr::AccountSummary::paused, "no audio, because the recording was paused for that time: no fault"},
    {"silent", &cdr::AccountSummary::silent, "digital silence throughout"},
    {"cut", &cdr::AccountSummary::cut, "its header was never finished: Asterisk died"},
    {"one-sided", &cdr::AccountSummary::one_sided, "one of its two channels is silent"},
    {"short", &cdr::AccountSummary::too_short, "much shorter than the talk time of its row"},
    {"unjudged", &cdr::AccountSummary::unjudged, "too little is known of its audio"},
}};

template <std::size_t size>
void explain(const std::string& heading, const std::array<Explanation, size>& lines, const cdr::AccountSummary& total) {
    output::print("\n{}\n", heading);
    for (const auto& [name, count, meaning] : lines)
        output::print("  {:<10}{:>10}  {}\n", name, total.*count, meaning);
}

template <std::size_t size>
void print_table(const AuditReport& report, const std::string& heading, Count all,
                 const std::array<Explanation, size>& columns) {
    constexpr std::size_t name_width = 21;
    const auto print_line = [&](const std::string& name, const auto& cell) {
        output::write(padded(name, name_width) + cell());
    };
    std::string titles = fmt::format("{:>9}", heading);
    for (const auto& column : columns)
        titles += fmt::format(" {:>9}", column.name);
    print_line("organization", [&] { return titles + '\n'; });
    for (const auto& one : report.accounts)
        print_line(name_of(one), [&] {
            std::string cells = fmt::format("{:>9}", one.*all);
            for (const auto& column : columns)
                cells += fmt::format(" {:>9}", one.*column.count);
            return cells + '\n';
        });
    output::write("\n");
}

void print_strangers(const AuditReport& report) {
    std::int64_t rows = 0;
    std::int64_t accounts = 0;
    for (const auto& one : report.accounts)
        if (!one.organization && one.rows > 0) {
            rows += one.rows;
            ++accounts;
        }
    if (rows > 0)
        output::print("{} CDR {} of {} {} {} to no organization, so no policy is known for {}.\n", rows,
                      rows == 1 ? "row" : "rows", accounts, accounts == 1 ? "account" : "accounts",
                      rows == 1 ? "belongs" : "belong", rows == 1 ? "it" : "them");
}

void print_conclusion(const cdr::AccountSummary& total) {
    const auto legs = [](std::int64_t count) { return fmt::format("{} {}", count, count == 1 ? "leg" : "legs"); };
    const auto print = [&](std::int64_t count, const char* one, const char* several) {
        if (count > 0)
            output::print("{} of {} {}.\n", count, legs(total.legs), count == 1 ? one : several);
    };
    print(total.ambiguous, "is ambiguous", "are ambiguous");
    print(total.differs, "differs", "differ");
    print(total.missing, "is missing", "are missing");
    print(damaged(total), "is damaged", "are damaged");
    if (total.orphans > 0)
        output::print("No CDR row names {} {}: pbx-calls import may bring the rows.\n", total.orphans,
                      total.orphans == 1 ? "file" : "files");
    if (exit_of(total) != Exit::ok)
        return;
    if (total.awaited > 0)
        output::print("Of {}, none is missing, but {} may still arrive: audit again in an hour.\n", legs(total.legs),
                      legs(total.awaited));
    else
        output::print("Of {}, none is missing; {:.1f} MB.\n", legs(total.legs), static_cast<double>(total.bytes) / 1e6);
}

} // namespace

void print_text(cdr::LegAudit& audit, const AuditReport& report) {
    print_rows(audit, report);
    print_orphans(audit);
    print_calls(audit, report);
    print_header(report);
    const auto& total = report.total;
    output::print("\n{}\n", sentence(total));
    explain(fmt::format("Calls: {}", total.calls), of_calls, total);
    explain(fmt::format("Legs: {}", total.legs), of_places, total);
    explain("Audio of the legs that exist", of_worth, total);
    output::write("\n");
    print_strangers(report);
    print_conclusion(total);
    output::write("\n");
    print_table(report, "calls", &cdr::AccountSummary::calls, of_calls);
    print_table(report, "legs", &cdr::AccountSummary::legs, of_places);
    print_table(report, "orphans", &cdr::AccountSummary::orphans, of_worth);
}

} // namespace pbx::archive

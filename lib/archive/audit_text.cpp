// Lines for programs, separated by tabs, and then one page for people, as wide as the terminal, or 100 columns.
#include "archive/audit_report.hpp"
#include "base/moment.hpp"
#include "base/name.hpp"
#include "base/output.hpp"
#include "base/pager.hpp"
#include "base/printable.hpp"
#include "base/table.hpp"
#include "base/terminal.hpp"
#include "base/wrap.hpp"

#include <fmt/format.h>
#include <version.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <vector>

namespace pbx::archive {

namespace {

std::string or_dash(const std::string& text) {
    return text.empty() ? "-" : text;
}

std::string size_of(const cdr::FoundLeg& leg) {
    const auto size = leg.local ? leg.local : leg.remote;
    return size ? std::to_string(*size) : "-";
}

Colour colour_of(const std::string& verdict) {
    static const std::set<std::string_view> sound{"local", "remote", "both", "sound", "paused", "declined"};
    static const std::set<std::string_view> open{"awaited", "unjudged", "unproven", "pending", "orphan"};
    return sound.contains(verdict) ? Colour::green : open.contains(verdict) ? Colour::yellow : Colour::red;
}

Column verdict_column(const char* name) {
    return {.name = name, .width = 10, .is_kept = true, .colour = colour_of};
}

Column kept_text(const char* name, std::size_t width) {
    return {.name = name, .width = width, .is_kept = true, .is_text = true};
}

Column text_column(const char* name) {
    return {.name = name, .width = 10, .is_text = true};
}

std::string time_text(std::chrono::sys_seconds time, const Table& table) {
    return table.on_terminal() ? shown_minute(time) : iso_time(time);
}

void print_rows(cdr::LegAudit& audit, const AuditReport& report) {
    Table table{{verdict_column("state"),
                 kept_text("recordingfile", 20),
                 {.name = "start", .width = 16, .is_kept = true},
                 text_column("accountcode"),
                 text_column("linkedid"),
                 {.name = "bytes", .width = 8, .right = true},
                 verdict_column("worth")},
                Table::Form::automatic};
    audit.for_each_row([&](const cdr::AuditedRow& row) {
        if (!report.options.summary || has_problem(row.leg))
            table.row({row.leg.state, row.recordingfile, time_text(row.calldate, table), row.accountcode, row.linkedid,
                       size_of(row.leg), or_dash(row.leg.worth)});
    });
    table.finish();
}

void print_orphans(cdr::LegAudit& audit) {
    Table table{{verdict_column("orphan"),
                 kept_text("name", 20),
                 {.name = "start", .width = 16, .is_kept = true},
                 text_column("accountcode"),
                 verdict_column("state"),
                 {.name = "bytes", .width = 8, .right = true},
                 {.name = "worth", .width = 10, .colour = colour_of},
                 text_column("from"),
                 text_column("extension")},
                Table::Form::automatic};
    audit.for_each_orphan([&](const cdr::Orphan& orphan) {
        const auto start = start_of(orphan);
        table.row({"orphan", orphan.name, start ? time_text(*start, table) : "-", or_dash(orphan.account),
                   orphan.leg.state, size_of(orphan.leg), or_dash(orphan.leg.worth), or_dash(orphan.source),
                   or_dash(orphan.extension)});
    });
    table.finish();
}

void print_calls(cdr::LegAudit& audit, const AuditReport& report) {
    Table table{{{.name = "call"},
                 verdict_column("verdict"),
                 kept_text("linkedid", 17),
                 {.name = "start", .width = 16, .is_kept = true},
                 kept_text("from", 8),
                 kept_text("to", 8),
                 text_column("organization")},
                Table::Form::automatic};
    audit.for_each_faulty_call([&](const cdr::FaultyCall& call) {
        if (!report.options.summary || has_problem(call))
            table.row({"call", call.verdict, call.linkedid, time_text(call.start, table), or_dash(call.from),
                       or_dash(call.to), call.organization.value_or(call.accountcode)});
    });
    table.finish();
}

std::size_t page_width() {
    constexpr std::size_t in_a_pipe = 100;
    return stdout_is_terminal() ? stdout_width() : in_a_pipe;
}

void print_sentence(const std::string& text) {
    output::print("{}\n", stdout_is_terminal() ? wrapped(text, 0, page_width()) : text);
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
    constexpr std::size_t before_meaning = 24;
    for (const auto& [name, count, meaning] : lines)
        output::print("  {:<10}{:>10}  {}\n", name, total.*count, wrapped(meaning, before_meaning, page_width()));
}

struct CountColumn {
    std::string title;
    Count count;
    std::size_t width; ///< with the blank before it
};

CountColumn count_column(const AuditReport& report, const std::string& title, Count count) {
    auto width = title.size();
    for (const auto& one : report.accounts)
        width = std::max(width, std::to_string(one.*count).size());
    return {title, count, width + 1};
}

// The names get what the numbers leave of the page.
template <std::size_t size>
void print_table(const AuditReport& report, const std::string& heading, Count all,
                 const std::array<Explanation, size>& counts) {
    constexpr std::size_t narrowest = 13;
    constexpr std::size_t widest = 30;
    std::vector<CountColumn> columns{count_column(report, heading, all)};
    for (const auto& each : counts)
        columns.push_back(count_column(report, each.name, each.count));
    auto room = page_width();
    for (const auto& column : columns)
        room -= std::min(room, column.width);
    const auto name_width = std::clamp(room, narrowest, widest);
    const auto print_line = [&](const std::string& name, const auto& cell) {
        auto line = padded(name, name_width);
        for (const auto& column : columns)
            line += fmt::format("{:>{}}", cell(column), column.width);
        output::write(line + '\n');
    };
    print_line("organization", [](const CountColumn& column) { return column.title; });
    for (const auto& one : report.accounts)
        print_line(name_of(one), [&](const CountColumn& column) { return one.*column.count; });
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
        print_sentence(fmt::format("{} CDR {} of {} {} {} to no organization, so no policy is known for {}.", rows,
                                   rows == 1 ? "row" : "rows", accounts, accounts == 1 ? "account" : "accounts",
                                   rows == 1 ? "belongs" : "belong", rows == 1 ? "it" : "them"));
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
        print_sentence(fmt::format("No CDR row names {} {}: pbx-calls import may add the missing rows.", total.orphans,
                                   total.orphans == 1 ? "file" : "files"));
    if (exit_of(total) != Exit::ok)
        return;
    if (total.awaited > 0)
        print_sentence(fmt::format("Of {}, none is missing, but {} may still arrive: audit again in an hour.",
                                   legs(total.legs), legs(total.awaited)));
    else
        output::print("Of {}, none is missing; {:.1f} MB.\n", legs(total.legs), static_cast<double>(total.bytes) / 1e6);
}

} // namespace

void print_text(cdr::LegAudit& audit, const AuditReport& report) {
    pager::Report paged;
    print_rows(audit, report);
    print_orphans(audit);
    print_calls(audit, report);
    print_header(report);
    const auto& total = report.total;
    output::write("\n");
    print_sentence(sentence(total));
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
    paged.show();
}

} // namespace pbx::archive

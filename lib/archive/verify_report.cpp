// Findings wait in the database as JSON, so that a million of them need no memory here.
#include "archive/verify_report.hpp"

#include "base/moment.hpp"
#include "base/output.hpp"
#include "base/pager.hpp"
#include "base/printable.hpp"
#include "base/table.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <version.hpp>

#include <array>
#include <utility>

namespace pbx::archive {

namespace {

using Json = nlohmann::ordered_json;
using Count = std::int64_t VerifyCounts::*;

constexpr int verify_schema = 1;

struct Line {
    const char* name;
    Count count;
    const char* meaning;
};

constexpr std::array<Line, 7> lines{{
    {"right", &VerifyCounts::right, "as archived"},
    {"damaged", &VerifyCounts::damaged, "not what was archived"},
    {"missing", &VerifyCounts::missing, "archived, and no longer there"},
    {"unknown", &VerifyCounts::unknown, "there, but never archived as far as the database knows"},
    {"awaited", &VerifyCounts::awaited, "being archived now: verify again in an hour"},
    {"unjudged", &VerifyCounts::unjudged, "the archive did not answer for them"},
    {"adopted", &VerifyCounts::adopted, "unknown until now: their facts were added"},
}};

std::string compact(const Json& json) {
    return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

Json or_null(const std::string& text) {
    return text.empty() ? Json{} : Json(text);
}

Json time_or_null(const std::optional<std::chrono::sys_seconds>& time) {
    return time ? Json(iso_time(*time)) : Json{};
}

Json json_content(const Content& content) {
    return {{"size", content.size}, {"md5", or_null(content.md5)}, {"sha256", or_null(content.sha256)}};
}

std::optional<std::chrono::sys_seconds> archived_at(const Finding& finding) {
    if (!finding.facts)
        return std::nullopt;
    return std::chrono::floor<std::chrono::seconds>(
        std::chrono::sys_time<std::chrono::microseconds>{std::chrono::microseconds{finding.facts->archived_at}});
}

Json json_counts(const VerifyCounts& counts) {
    Json item;
    for (const auto& line : lines)
        item[line.name] = counts.*line.count;
    item["drawn"] = counts.drawn;
    item["read"] = counts.read;
    item["bytes"] = counts.bytes_read;
    return item;
}

std::string text_of(const Json& item, const char* key) {
    const auto& value = item.at(key);
    return value.is_string() ? printable(value.get<std::string>()) : "-";
}

Colour colour_of(const std::string& verdict) {
    return verdict == "damaged" || verdict == "missing" ? Colour::red : Colour::yellow;
}

void print_findings(db::ArchiveComparison& comparison) {
    Table table{{{.name = "verdict", .width = 8, .colour = colour_of},
                 {.name = "path", .width = 20, .is_kept = true, .is_text = true},
                 {.name = "archived", .width = 25},
                 {.name = "accountcode", .width = 12, .is_text = true},
                 {.name = "linkedid", .width = 17, .is_text = true},
                 {.name = "reason", .width = 20, .is_kept = true, .is_text = true}},
                Table::Form::automatic};
    comparison.for_each_finding([&](const std::string& text) {
        const auto item = Json::parse(text);
        table.row({text_of(item, "verdict"), text_of(item, "path"),
                   text_of(item, item.at("archived").is_null() ? "modified" : "archived"), text_of(item, "accountcode"),
                   text_of(item, "linkedid"), text_of(item, "reason")});
    });
    table.finish();
}

void print_header(const VerifyReport& report) {
    const auto print = [](const char* what, const std::string& value) { output::print("  {:<9}{}\n", what, value); };
    output::write("\nArchive verification\n\n");
    print("made", fmt::format("{} by pbx-archive {}", iso_time(report.now), version));
    print("objects", report.since ? "archived since " + iso_time(*report.since) : "archived at any time");
    if (!report.account.empty())
        print("account", printable(report.account));
    print("archive", printable(report.remote));
    print("compared", report.lists_md5 ? "size, and MD5 where the archive lists it" : "size");
}

} // namespace

std::string to_json(const Finding& finding) {
    Json item;
    item["verdict"] = finding.verdict;
    item["path"] = finding.path;
    item["archived"] = time_or_null(archived_at(finding));
    item["modified"] = time_or_null(finding.modified);
    item["accountcode"] = finding.facts ? or_null(finding.facts->accountcode) : Json{};
    item["linkedid"] = finding.facts ? or_null(finding.facts->linkedid) : Json{};
    item["expected"] = finding.facts ? json_content(finding.facts->content) : Json{};
    item["found"] = finding.found ? json_content(*finding.found) : Json{};
    item["reason"] = finding.reason;
    return compact(item);
}

void print_json(db::ArchiveComparison& comparison, const VerifyReport& report) {
    Json item;
    item["schema"] = verify_schema;
    item["version"] = version;
    item["made"] = iso_time(report.now);
    item["since"] = time_or_null(report.since);
    item["accountcode"] = or_null(report.account);
    item["remote"] = report.remote;
    item["md5"] = report.lists_md5;
    item["read"] = or_null(report.options.read);
    const auto header = compact(item);
    output::write(header.substr(0, header.size() - 1) + ",\n\"objects\":[");
    std::string between = "\n";
    comparison.for_each_finding([&](const std::string& text) { output::write(std::exchange(between, ",\n") + text); });
    output::print("],\n\"total\":{},\n\"exit\":{}}}\n", compact(json_counts(report.counts)),
                  static_cast<int>(report.exit));
}

void print_text(db::ArchiveComparison& comparison, const VerifyReport& report) {
    pager::Report paged;
    print_findings(comparison);
    print_header(report);
    output::write("\nObjects in the archive\n");
    for (const auto& [name, count, meaning] : lines)
        output::print("  {:<10}{:>10}  {}\n", name, report.counts.*count, meaning);
    if (!report.options.read.empty())
        output::print("\nObjects read ({}): {} of {} were as archived; {:.1f} MB.\n", report.options.read,
                      report.counts.read, report.counts.drawn, static_cast<double>(report.counts.bytes_read) / 1e6);
    paged.show();
}

} // namespace pbx::archive

// One table of calls, rows and orphans, told apart by the first column.
#include "archive/audit_report.hpp"
#include "base/moment.hpp"
#include "base/table.hpp"

#include <fmt/format.h>

namespace pbx::archive {

namespace {

template <typename Number>
std::string cell(const std::optional<Number>& number) {
    return number ? fmt::format("{}", *number) : std::string{};
}

std::string cell(const std::optional<double>& seconds) {
    return seconds ? fmt::format("{:.3f}", *seconds) : std::string{};
}

Table::Form form_of(const AuditOptions& options) {
    return options.raw_csv ? Table::Form::csv_raw : Table::Form::csv;
}

} // namespace

void print_csv(cdr::LegAudit& audit, const AuditReport& report) {
    Table table{{{"kind"},
                 {"verdict"},
                 {"organization"},
                 {"accountcode"},
                 {"linkedid"},
                 {"start"},
                 {"from"},
                 {"to"},
                 {"recordingfile"},
                 {"state"},
                 {"worth"},
                 {"local"},
                 {"remote"},
                 {"seconds"},
                 {"talk"},
                 {"id"}},
                form_of(report.options)};
    audit.for_each_faulty_call([&](const cdr::FaultyCall& call) {
        if (!report.options.summary || has_problem(call))
            table.row({"call", call.verdict, call.organization.value_or(""), call.accountcode, call.linkedid,
                       iso_time(call.start), call.from, call.to, "", "", "", "", "", "", "", ""});
    });
    audit.for_each_row([&](const cdr::AuditedRow& row) {
        if (!report.options.summary || has_problem(row.leg))
            table.row({"row", verdict_of(row.leg), row.organization.value_or(""), row.accountcode, row.linkedid,
                       iso_time(row.calldate), "", "", row.recordingfile, row.leg.state, row.leg.worth,
                       cell(row.leg.local), cell(row.leg.remote), cell(row.leg.seconds), cell(row.talk),
                       std::to_string(row.id)});
    });
    audit.for_each_orphan([&](const cdr::Orphan& orphan) {
        const auto start = start_of(orphan);
        table.row({"orphan", verdict_of(orphan.leg), orphan.organization.value_or(""), orphan.account, "",
                   start ? iso_time(*start) : "", orphan.source, orphan.extension, orphan.name, orphan.leg.state,
                   orphan.leg.worth, cell(orphan.leg.local), cell(orphan.leg.remote), cell(orphan.leg.seconds), "",
                   ""});
    });
}

} // namespace pbx::archive

// Rows go out as they come from the database: a million of them need no memory here.
#include "archive/audit_report.hpp"
#include "base/moment.hpp"
#include "base/output.hpp"

#include <nlohmann/json.hpp>
#include <version.hpp>

namespace pbx::archive {

namespace {

using Json = nlohmann::ordered_json;

std::string compact(const Json& json) {
    return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

template <typename Value>
Json or_null(const std::optional<Value>& value) {
    return value ? Json(*value) : Json{};
}

Json or_null(const std::string& text) {
    return text.empty() ? Json{} : Json(text);
}

void add_leg(Json& item, const cdr::FoundLeg& leg) {
    item["local"] = or_null(leg.local);
    item["remote"] = or_null(leg.remote);
    item["seconds"] = or_null(leg.seconds);
    item["worth"] = or_null(leg.worth);
}

Json json_row(const cdr::AuditedRow& row) {
    Json item;
    item["id"] = row.id;
    item["start"] = iso_time(row.calldate);
    item["linkedid"] = row.linkedid;
    item["accountcode"] = row.accountcode;
    item["organization"] = or_null(row.organization);
    item["recordingfile"] = row.recordingfile;
    item["state"] = row.leg.state;
    add_leg(item, row.leg);
    item["talk"] = or_null(row.talk);
    return item;
}

Json json_call(const cdr::FaultyCall& call) {
    Json item;
    item["linkedid"] = call.linkedid;
    item["start"] = iso_time(call.start);
    item["from"] = call.from;
    item["to"] = call.to;
    item["accountcode"] = call.accountcode;
    item["organization"] = or_null(call.organization);
    item["verdict"] = call.verdict;
    return item;
}

Json json_orphan(const cdr::Orphan& orphan) {
    const auto start = start_of(orphan);
    Json item;
    item["name"] = orphan.name;
    item["state"] = orphan.leg.state;
    item["start"] = start ? Json(iso_time(*start)) : Json{};
    item["from"] = or_null(orphan.source);
    item["extension"] = or_null(orphan.extension);
    item["accountcode"] = orphan.account;
    item["organization"] = or_null(orphan.organization);
    add_leg(item, orphan.leg);
    return item;
}

Json json_counts(const cdr::AccountSummary& sum) {
    Json item;
    for (const auto& [name, count] : counts)
        item[name] = sum.*count;
    const auto permille = sound_permille(sum);
    item["percent"] = permille ? Json(static_cast<double>(*permille) / 10) : Json{};
    return item;
}

Json json_header(const AuditReport& report) {
    Json item;
    item["schema"] = report_schema;
    item["version"] = version;
    item["made"] = iso_time(report.now);
    item["since"] = report.since ? Json(iso_time(*report.since)) : Json{};
    item["spool"] = report.options.places.spool;
    item["remote"] = report.remote;
    item["accountcode"] = or_null(report.account);
    item["organization"] = or_null(report.organization);
    item["policy"] = audited_policy;
    item["sentence"] = sentence(report.total);
    return item;
}

// A list of one object per line, in the middle of an object.
class JsonList {
  public:
    explicit JsonList(const char* name) { output::print(",\n\"{}\":[", name); }
    JsonList(const JsonList&) = delete;
    JsonList& operator=(const JsonList&) = delete;
    ~JsonList() = default;

    void add(const Json& item) {
        output::write(between_ + compact(item));
        between_ = ",\n";
    }
    static void finish() { output::write("]"); }

  private:
    std::string between_ = "\n";
};

void print_lists(cdr::LegAudit& audit, bool only_problems) {
    JsonList calls{"calls"};
    audit.for_each_faulty_call([&](const cdr::FaultyCall& call) {
        if (!only_problems || has_problem(call))
            calls.add(json_call(call));
    });
    JsonList::finish();
    JsonList rows{"rows"};
    audit.for_each_row([&](const cdr::AuditedRow& row) {
        if (!only_problems || has_problem(row.leg))
            rows.add(json_row(row));
    });
    JsonList::finish();
    JsonList orphans{"orphans"};
    audit.for_each_orphan([&](const cdr::Orphan& orphan) { orphans.add(json_orphan(orphan)); });
    JsonList::finish();
}

} // namespace

void print_json(cdr::LegAudit& audit, const AuditReport& report) {
    const auto header = compact(json_header(report));
    output::write(header.substr(0, header.size() - 1));
    print_lists(audit, report.options.summary);
    JsonList organizations{"organizations"};
    for (const auto& one : report.accounts) {
        Json item;
        item["accountcode"] = one.account;
        item["organization"] = or_null(one.organization);
        item.update(json_counts(one));
        organizations.add(item);
    }
    JsonList::finish();
    output::print(",\n\"total\":{},\n\"exit\":{}}}\n", compact(json_counts(report.total)),
                  static_cast<int>(report.exit));
}

} // namespace pbx::archive

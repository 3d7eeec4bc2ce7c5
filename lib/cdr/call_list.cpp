// Calls as tables, CSV and JSON.
#include "cdr/call_list.hpp"

#include "base/moment.hpp"
#include "base/name.hpp"
#include "base/output.hpp"
#include "base/pager.hpp"
#include "cdr/call_columns.hpp"
#include "cdr/call_name.hpp"
#include "cdr/call_query.hpp"
#include "cdr/tenants.hpp"
#include "db/session.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <version.hpp>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace pbx::cdr {

namespace {

constexpr int calls_schema = 1; // docs/json.md

nlohmann::ordered_json json_summary(const Journey& call) {
    nlohmann::ordered_json item{{"schema", calls_schema}, {"version", version}};
    item["linkedid"] = call.linkedid;
    item["start"] = iso_time(call.start);
    item["from"] = call.from;
    item["to"] = call.to;
    item["direction"] = direction_name(call.direction);
    item["duration"] = call.duration.count();
    item["talk_time"] = call.talk_time.count();
    item["disposition"] = call.disposition;
    item["legs"] = call.legs;
    item["consent"] = call.consent.empty() ? nullptr : nlohmann::ordered_json(call.consent);
    item["dialled"] = call.dialled;
    item["answered_by"] = call.answered_by.empty() ? nullptr : nlohmann::ordered_json(call.answered_by);
    item["waited"] = call.waited.count();
    item["began"] = iso_time(call.start);
    item["ended"] = iso_time(call.ended);
    item["accountcode"] = call.accountcode;
    item["organization"] = call.organization.empty() ? nullptr : nlohmann::ordered_json(call.organization);
    return item;
}

std::string one_line(const nlohmann::ordered_json& value) {
    return value.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

nlohmann::ordered_json json_row(const CdrRow& row) {
    nlohmann::ordered_json item;
    item["id"] = row.id;
    item["calldate"] = iso_time(row.calldate);
    item["clid"] = row.clid;
    item["src"] = row.src;
    item["dst"] = row.dst;
    item["dcontext"] = row.dcontext;
    item["channel"] = row.channel;
    item["dstchannel"] = row.dstchannel;
    item["lastapp"] = row.lastapp;
    item["lastdata"] = row.lastdata;
    item["duration"] = row.duration.count();
    item["billsec"] = row.billsec.count();
    item["disposition"] = row.disposition;
    item["accountcode"] = row.accountcode;
    item["uniqueid"] = row.uniqueid;
    item["sequence"] = row.sequence;
    item["recordingfile"] = row.recordingfile;
    item["recording_paused"] = row.recording_paused;
    item["recording_consent"] = row.recording_consent;
    return item;
}

// Of the columns that --columns chose, in that order, or of all.
class ChosenColumns {
  public:
    explicit ChosenColumns(const std::string& names) {
        if (!names.empty())
            indices_ = choose_columns(names);
    }

    std::vector<Column> columns() const {
        auto chosen = pick(call_columns());
        // What the operator has chosen matters more than what usually matters.
        for (auto& column : chosen)
            column.is_kept = column.is_kept || indices_;
        return chosen;
    }

    std::vector<std::string> cells(const Journey& call, const CellFormat& format) const {
        return pick(cells_of(call, format));
    }

    nlohmann::ordered_json json(const Journey& call) const {
        auto all = json_summary(call);
        if (!indices_)
            return all;
        nlohmann::ordered_json item{{"schema", all["schema"]}, {"version", all["version"]}};
        for (const auto& column : columns())
            item[column.name] = std::move(all[column.name]);
        return item;
    }

  private:
    template <typename Item>
    std::vector<Item> pick(std::vector<Item> all) const {
        if (!indices_)
            return all;
        std::vector<Item> chosen;
        chosen.reserve(indices_->size());
        for (const auto index : *indices_)
            chosen.push_back(std::move(all[index]));
        return chosen;
    }

    std::optional<std::vector<std::size_t>> indices_; ///< in call_columns(); nothing: all
};

// Prints each call as it arrives.
class CallPrinter {
  public:
    explicit CallPrinter(const CallsRequest& request)
        : columns_{request.columns}, is_csv_{request.form != Table::Form::automatic}, is_list_{request.json} {
        if (!request.json && !request.jsonl)
            table_.emplace(columns_.columns(), request.form);
    }

    void print(const Journey& call) {
        const bool is_first = !std::exchange(has_printed_, true);
        if (table_)
            return table_->row(columns_.cells(call, {table_->on_terminal(), is_csv_}));
        const auto* const between = is_list_ ? (is_first ? "[\n" : ",\n") : "";
        output::print("{}{}{}", between, one_line(columns_.json(call)), is_list_ ? "" : "\n");
    }

    bool has_printed() const { return has_printed_; }

    void finish() {
        if (table_)
            table_->finish();
        else if (is_list_)
            output::write(has_printed_ ? "\n]\n" : "[]\n");
    }

  private:
    ChosenColumns columns_;
    bool is_csv_;
    bool is_list_;               ///< one JSON document, not one object per line
    std::optional<Table> table_; ///< nothing: JSON
    bool has_printed_ = false;
};

// ", paused from 0:12 to 0:47"
std::string describe(const std::vector<Pause>& pauses) {
    std::string text;
    for (const auto& pause : pauses)
        text += fmt::format("{} from {} to {}", text.empty() ? ", paused" : " and", clock_time(pause.from),
                            pause.until ? clock_time(*pause.until) : "the end");
    return text;
}

nlohmann::ordered_json json_pauses(const std::vector<Pause>& pauses) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& pause : pauses)
        list.push_back({{"from", pause.from.count()},
                        {"until", pause.until ? nlohmann::ordered_json(pause.until->count()) : nullptr}});
    return list;
}

// "inbound call from 0171 to 0800, answered by 1003 after 0:17, 2 recordings"
std::string describe(const Journey& call) {
    auto text = fmt::format("{}: {} call from {} to {}, ", call.linkedid, direction_name(call.direction),
                            call.from.empty() ? "nobody" : call.from, call.dialled.empty() ? call.to : call.dialled);
    if (!call.organization.empty())
        text += "of " + call.organization + ", ";
    text += call.answered_by.empty()
                ? fmt::format("not answered, ended after {}", clock_time(call.waited))
                : fmt::format("answered by {} after {}", call.answered_by, clock_time(call.waited));
    text += fmt::format(", {} recording{}{}", call.legs, call.legs == 1 ? "" : "s", describe(call.pauses));
    return call.consent.empty() ? text : text + ", consent: " + call.consent;
}

void print_rows(const std::vector<Journey>& calls, Table::Form form) {
    Table table{row_columns(), form};
    const CellFormat format{table.on_terminal(), form != Table::Form::automatic};
    for (const auto& call : calls) {
        table.line(describe(call));
        for (const auto& row : call.rows)
            table.row(cells_of(row, format));
    }
    table.finish();
}

void print_json(const std::vector<Journey>& calls) {
    auto report = nlohmann::ordered_json::array();
    for (const auto& call : calls) {
        auto item = json_summary(call);
        item["pauses"] = json_pauses(call.pauses);
        item["rows"] = nlohmann::ordered_json::array();
        for (const auto& row : call.rows)
            item["rows"].push_back(json_row(row));
        report.push_back(std::move(item));
    }
    output::print("{}\n", report.dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
}

} // namespace

namespace {

std::optional<std::string> account_of(const Tenants& tenants, const db::TenantChoice& choice) {
    for (const auto* text : {&choice.organization, choice.account ? &*choice.account : nullptr})
        if (text != nullptr && !is_utf8(*text))
            throw Error{Exit::usage, "the organization or account is not valid UTF-8"};
    if (choice.organization.empty())
        return choice.account;
    auto id = find_account(tenants, choice.organization);
    db::require_agreement(choice, id);
    return id;
}

} // namespace

Exit list_calls(const CallsRequest& request) {
    CallFilter filter;
    filter.since = request.since.value_or(current_second() - std::chrono::hours{24});
    filter.until = request.until;
    filter.disposition = parse_disposition(request.disposition);
    filter.number = request.number;
    filter.direction = parse_direction(request.direction);
    filter.extension = request.extension;
    filter.min_duration = request.min_duration;
    filter.recorded = request.recorded;
    filter.unrecorded = request.unrecorded;
    filter.limit = request.limit;
    if (!is_utf8(request.number))
        throw Error{Exit::usage, "the number is not valid UTF-8"};
    if (!request.columns.empty())
        choose_columns(request.columns); // complains before the database is asked

    soci::session session;
    db::connect(session, request.database, request.timeout);
    const auto tenants = load_tenants(session);
    filter.account = account_of(tenants, request.tenant).value_or("");
    pager::Report report;
    CallPrinter printer{request};
    for_each_call(session, tenants, filter, [&](const Journey& call) { printer.print(call); });
    // Only now: for an account that no organization has, the look-up reads all rows.
    if (!printer.has_printed() && !filter.account.empty())
        db::require_known_account(session, filter.account);
    printer.finish();
    report.show();
    return Exit::ok;
}

Exit show_call(const CallsRequest& request, const std::string& text) {
    const auto name = CallName::parse(text);
    soci::session session;
    db::connect(session, request.database, request.timeout);
    const auto tenants = load_tenants(session);
    const auto account = account_of(tenants, request.tenant);
    auto calls = find_journeys(session, tenants, name.call, name.account_or(account));
    if (calls.empty() || name.contradicts(account))
        throw Error{Exit::no_input, fmt::format("no such call: {}", shown(text)),
                    "a call is named by its CDR id, its linkedid or a uniqueid; pbx-calls lists calls"};
    // Calls of several accounts, in the order in which they happened.
    std::stable_sort(calls.begin(), calls.end(), [](const Journey& a, const Journey& b) { return a.start < b.start; });
    pager::begin();
    if (request.json)
        print_json(calls);
    else
        print_rows(calls, request.form);
    return Exit::ok;
}

} // namespace pbx::cdr

// Calls as tables, CSV and JSON.
#include "cdr/call_list.hpp"

#include "base/moment.hpp"
#include "base/name.hpp"
#include "base/output.hpp"
#include "base/printable.hpp"
#include "cdr/call_query.hpp"
#include "cdr/tenants.hpp"
#include "db/session.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <utility>
#include <vector>

namespace pbx::cdr {

namespace {

std::string clock_time(std::chrono::seconds span) {
    const auto seconds = span.count();
    return seconds >= 3600 ? fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
                           : fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

// Times and spans for a person on a terminal, or for a program.
struct CellFormat {
    bool on_terminal;

    std::string second(std::chrono::sys_seconds time) const { return on_terminal ? shown_time(time) : iso_time(time); }
    std::string minute(std::chrono::sys_seconds time) const {
        constexpr std::size_t to_the_minute = 16; // "2026-04-18 14:40"
        return on_terminal ? second(time).substr(0, to_the_minute) : second(time);
    }
    std::string span(std::chrono::seconds span) const {
        return on_terminal ? clock_time(span) : std::to_string(span.count());
    }
};

nlohmann::ordered_json json_summary(const Journey& call) {
    nlohmann::ordered_json item;
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

// Prints each call as it arrives.
class CallPrinter {
  public:
    explicit CallPrinter(const CallsRequest& request) {
        if (request.json)
            output::print("[");
        else
            table_.emplace(std::vector<Column>{{"linkedid", 17},
                                               {"start", 19},
                                               {"from", 14},
                                               {"to", 12},
                                               {"direction", 9},
                                               {"duration", 8, true},
                                               {"talk_time", 9, true},
                                               {"disposition", 11},
                                               {"legs", 4, true},
                                               {"dialled", 14},
                                               {"answered_by", 14},
                                               {"waited", 7, true},
                                               {"organization", 20},
                                               {"accountcode", 36},
                                               {"consent", 9}},
                           request.form);
    }

    void print(const Journey& call) {
        if (!table_) {
            output::print("{}\n{}", std::exchange(has_printed_, true) ? "," : "", one_line(json_summary(call)));
            return;
        }
        const auto format = CellFormat{table_->on_terminal()};
        table_->row({call.linkedid, format.minute(call.start), call.from, call.to, direction_name(call.direction),
                     format.span(call.duration), format.span(call.talk_time), call.disposition,
                     std::to_string(call.legs), call.dialled, call.answered_by, format.span(call.waited),
                     call.organization, call.accountcode, call.consent});
    }

    void finish() const {
        if (!table_)
            output::print("{}]\n", has_printed_ ? "\n" : "");
    }

  private:
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
    Table table{{{"id", 8, true},
                 {"start", 19},
                 {"from", 13},
                 {"to", 13},
                 {"duration", 8, true},
                 {"talk_time", 9, true},
                 {"disposition", 11},
                 {"recordingfile", 50},
                 {"application", 12},
                 {"channel", 36},
                 {"dstchannel", 36},
                 {"context", 30},
                 {"uniqueid", 17},
                 {"linkedid", 17},
                 {"accountcode", 36},
                 {"recording_paused", 16},
                 {"recording_consent", 9}},
                form};
    const auto format = CellFormat{table.on_terminal()};
    for (const auto& call : calls) {
        if (table.on_terminal())
            output::print("{}\n", printable(describe(call)));
        for (const auto& row : call.rows)
            table.row({std::to_string(row.id), format.second(row.calldate), row.src, row.dst, format.span(row.duration),
                       format.span(row.billsec), row.disposition, row.recordingfile, row.lastapp, row.channel,
                       row.dstchannel, row.dcontext, row.uniqueid, row.linkedid, row.accountcode, row.recording_paused,
                       row.recording_consent});
    }
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

Exit list_calls(const CallsRequest& request) {
    const auto now = current_second();
    CallFilter filter;
    filter.since = parse_time(request.since, now);
    if (!request.until.empty())
        filter.until = parse_time(request.until, now);
    filter.disposition = parse_disposition(request.disposition);
    filter.number = request.number;
    filter.limit = request.limit;
    if (!is_utf8(request.number) || !is_utf8(request.organization))
        throw Error{Exit::usage, "the number or organization is not valid UTF-8"};

    soci::session session;
    db::connect(session, request.database, request.timeout);
    const auto tenants = load_tenants(session);
    filter.account = find_account(tenants, request.organization);
    select_calls(session, filter);
    CallPrinter printer{request};
    for_each_journey(session, tenants, [&](const Journey& call) { printer.print(call); });
    printer.finish();
    return Exit::ok;
}

Exit show_call(const CallsRequest& request, const std::string& name) {
    soci::session session;
    db::connect(session, request.database, request.timeout);
    const auto tenants = load_tenants(session);
    const auto calls = find_journeys(session, tenants, name, find_account(tenants, request.organization));
    if (calls.empty())
        throw Error{Exit::no_input, fmt::format("no such call: {}", shown(name)),
                    "a call is named by its CDR id, its linkedid or a uniqueid; pbx-calls lists calls"};
    if (request.json)
        print_json(calls);
    else
        print_rows(calls, request.form);
    return Exit::ok;
}

} // namespace pbx::cdr

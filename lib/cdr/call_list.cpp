// One query for a list, whatever its length: PostgreSQL chooses the calls and sends their rows, journey.cpp tells them.
#include "cdr/call_list.hpp"

#include "base/deadline.hpp"
#include "base/moment.hpp"
#include "base/name.hpp"
#include "base/printable.hpp"
#include "base/table.hpp"
#include "db/session.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <ctime>
#include <limits>
#include <map>
#include <memory>

namespace pbx::cdr {

namespace {

using Tenants = std::map<std::string, Tenant>; // by accountcode

constexpr const char* reading = "read the calls";

// The columns of a row as `fetch` expects them.
constexpr const char* row_columns = R"(
    r.id, cast(floor(extract(epoch from r.calldate)) as bigint), cast(coalesce(r.sequence, 0) as bigint),
    cast(coalesce(r.duration, 0) as bigint), cast(coalesce(r.billsec, 0) as bigint), coalesce(r.clid, ''),
    coalesce(r.src, ''), coalesce(r.dst, ''), coalesce(r.dcontext, ''), coalesce(r.channel, ''),
    coalesce(r.dstchannel, ''), coalesce(r.lastapp, ''), coalesce(r.lastdata, ''), coalesce(r.disposition, ''),
    coalesce(r.accountcode, ''), coalesce(r.uniqueid, ''), coalesce(r.linkedid, ''), coalesce(r.recordingfile, ''))";

// The longest row of each call, of calls with a row in the window; then those whose longest row lies in it, so that
// windows side by side show each call once. The lateral joins with OFFSET 0 keep the planner at one index look-up a
// linkedid.
constexpr const char* chosen_calls = R"(
    with due as materialized (
        select distinct linkedid from asterisk_cdr
        where linkedid <> '' and calldate >= to_timestamp(:since) and calldate < to_timestamp(:until)
    ), called as (
        select r.*, coalesce(r.accountcode, '') as account
        from due cross join lateral (
            select * from asterisk_cdr where asterisk_cdr.linkedid = due.linkedid offset 0) r
        where :account = '' or r.accountcode = :account
    ), numbered as (
        select linkedid, account, calldate, duration, disposition, sequence, id, bool_or(
            case when length(:digits) > 5
                then right(regexp_replace(coalesce(src, ''), '[^0-9]', '', 'g'), length(:digits)) = :digits
                    or right(regexp_replace(coalesce(dst, ''), '[^0-9]', '', 'g'), length(:digits)) = :digits
                else :number in ('', src, dst) end) over (partition by linkedid, account) as matches
        from called
    ), longest as (
        select distinct on (linkedid, account) * from numbered where matches
        order by linkedid, account, coalesce(duration, 0) desc, calldate, coalesce(sequence, 0), id
    ), chosen as (
        select linkedid, account, calldate from longest
        where calldate >= to_timestamp(:since) and calldate < to_timestamp(:until)
            and (:disposition = '' or upper(disposition) = :disposition)
        order by calldate desc, linkedid collate "C" desc, account collate "C" desc
        limit :limit
    ))";

struct Batch {
    static constexpr std::size_t size = 1000;
    std::array<std::vector<long long>, 5> numbers;
    std::array<std::vector<std::string>, 13> texts;

    void resize() {
        for (auto& column : numbers)
            column.resize(size);
        for (auto& column : texts)
            column.resize(size);
    }

    Row row(std::size_t i) {
        auto text = [&, column = std::size_t{0}]() mutable { return std::move(texts.at(column++)[i]); };
        Row row;
        row.id = numbers[0][i];
        row.calldate = numbers[1][i];
        row.sequence = numbers[2][i];
        row.duration = numbers[3][i];
        row.billsec = numbers[4][i];
        // In the order of row_columns.
        row.clid = text();
        row.src = text();
        row.dst = text();
        row.dcontext = text();
        row.channel = text();
        row.dstchannel = text();
        row.lastapp = text();
        row.lastdata = text();
        row.disposition = text();
        row.accountcode = text();
        row.uniqueid = text();
        row.linkedid = text();
        row.recordingfile = text();
        return row;
    }
};

// Reads the cursor "calls" to its end.
void for_each_row(soci::session& session, const std::function<void(Row)>& each) {
    Batch batch;
    for (;;) {
        batch.resize();
        {
            const Waiting waiting{"the database", Exit::unavailable};
            db::guarded(reading, [&] {
                soci::statement statement{session};
                for (auto& column : batch.numbers)
                    statement.exchange(soci::into(column));
                for (auto& column : batch.texts)
                    statement.exchange(soci::into(column));
                statement.alloc();
                statement.prepare(fmt::format("fetch forward {} from calls", Batch::size));
                statement.define_and_bind();
                statement.execute(true);
            });
        }
        const auto rows = batch.numbers[0].size();
        if (rows == 0)
            return;
        for (std::size_t i = 0; i < rows; ++i)
            each(batch.row(i));
    }
}

// Calls `each` for every call of the cursor, whose rows must follow one another.
void for_each_call(soci::session& session, const Tenants& tenants, const std::function<void(const Journey&)>& each) {
    std::vector<Row> rows;
    const auto finish = [&] {
        if (rows.empty())
            return;
        const auto tenant = tenants.find(rows.front().accountcode);
        each(tell(std::move(rows), tenant == tenants.end() ? nullptr : &tenant->second));
        rows.clear();
    };
    for_each_row(session, [&](Row row) {
        if (!rows.empty() && (rows.front().linkedid != row.linkedid || rows.front().accountcode != row.accountcode))
            finish();
        rows.push_back(std::move(row));
    });
    finish();
}

// `sql` gives an organization's id and one or two texts.
void for_each_text(soci::session& session, const std::string& sql,
                   const std::function<void(const std::string&, const std::string&, const std::string&)>& each) {
    std::string id;
    std::string one;
    std::string two;
    soci::statement statement = (session.prepare << sql, soci::into(id), soci::into(one), soci::into(two));
    statement.execute();
    while (statement.fetch())
        each(id, one, two);
}

Tenants load_tenants(soci::session& session) {
    const Waiting waiting{"the database", Exit::unavailable};
    return db::guarded("read the organizations", [&] {
        Tenants tenants;
        for_each_text(session, "select cast(id as text), name, context_prefix from organizations",
                      [&](const auto& id, const auto& name, const auto& prefix) {
                          tenants[id].name = name;
                          tenants[id].prefix = prefix;
                      });
        for_each_text(
            session,
            "select cast(org_id as text), asterisk_peer_name, '' from sip_trunks where asterisk_peer_name <> ''",
            [&](const auto& id, const auto& peer, const auto&) { tenants[id].trunks.insert(peer); });
        for_each_text(
            session,
            "select cast(org_id as text), asterisk_endpoint, extension from users where asterisk_endpoint <> ''",
            [&](const auto& id, const auto& endpoint, const auto& extension) {
                tenants[id].extensions[endpoint] = extension;
            });
        return tenants;
    });
}

// The accountcode of the organization with this name, prefix or id.
std::string account_of(const Tenants& tenants, const std::string& wanted) {
    if (wanted.empty())
        return {};
    const auto found = std::find_if(tenants.begin(), tenants.end(), [&](const auto& each) {
        return each.first == wanted || each.second.name == wanted || each.second.prefix == wanted;
    });
    if (found == tenants.end())
        throw Error{Exit::no_input, fmt::format("no organization has the name or prefix \"{}\"", shown(wanted)),
                    "pbx-provision org list shows them"};
    return found->first;
}

std::string disposition_of(const std::string& given) {
    std::string result;
    for (const char c : given)
        result += c == '-' || c == '_' ? ' ' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    if (result == "NOANSWER")
        result = "NO ANSWER";
    static constexpr std::array known{"", "ANSWERED", "NO ANSWER", "BUSY", "FAILED", "CONGESTION"};
    if (std::find(known.begin(), known.end(), result) == known.end())
        throw Error{Exit::usage, fmt::format("\"{}\" is no disposition", shown(given)),
                    "they are answered, no-answer, busy, failed, congestion"};
    return result;
}

std::string clock_time(std::int64_t seconds) {
    return seconds >= 3600 ? fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
                           : fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

nlohmann::ordered_json summary(const Journey& call) {
    nlohmann::ordered_json item;
    item["linkedid"] = call.linkedid;
    item["start"] = iso_time(call.start);
    item["from"] = call.from;
    item["to"] = call.to;
    item["direction"] = name_of(call.direction);
    item["duration"] = call.duration;
    item["talk_time"] = call.talk_time;
    item["disposition"] = call.disposition;
    item["legs"] = call.legs;
    item["dialled"] = call.dialled;
    item["answered_by"] = call.answered_by.empty() ? nullptr : nlohmann::ordered_json(call.answered_by);
    item["waited"] = call.waited;
    item["began"] = iso_time(call.began);
    item["ended"] = iso_time(call.ended);
    item["accountcode"] = call.accountcode;
    item["organization"] = call.organization.empty() ? nullptr : nlohmann::ordered_json(call.organization);
    return item;
}

std::string text_of(const nlohmann::ordered_json& value) {
    return value.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

nlohmann::ordered_json json_row(const Row& row) {
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
    item["duration"] = row.duration;
    item["billsec"] = row.billsec;
    item["disposition"] = row.disposition;
    item["accountcode"] = row.accountcode;
    item["uniqueid"] = row.uniqueid;
    item["sequence"] = row.sequence;
    item["recordingfile"] = row.recordingfile;
    return item;
}

// Prints calls as they come.
class CallPrinter {
  public:
    explicit CallPrinter(const CallsRequest& request) : json_{request.json} {
        if (json_)
            fmt::print("[");
        else
            table_ = std::make_unique<Table>(std::vector<Column>{{"linkedid", 17},
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
                                                                 {"accountcode", 36}},
                                             request.form);
    }

    void print(const Journey& call) {
        if (json_) {
            fmt::print("{}\n{}", std::exchange(begun_, true) ? "," : "", text_of(summary(call)));
            return;
        }
        const bool eyes = table_->on_terminal();
        const auto seconds = [&](std::int64_t value) { return eyes ? clock_time(value) : std::to_string(value); };
        table_->row({call.linkedid, eyes ? shown_time(call.start).substr(0, 16) : iso_time(call.start), call.from,
                     call.to, name_of(call.direction), seconds(call.duration), seconds(call.talk_time),
                     call.disposition, std::to_string(call.legs), call.dialled, call.answered_by, seconds(call.waited),
                     call.organization, call.accountcode});
    }

    void finish() const {
        if (json_)
            fmt::print("{}]\n", begun_ ? "\n" : "");
    }

  private:
    bool json_;
    bool begun_ = false;
    std::unique_ptr<Table> table_;
};

// "inbound call from 0171 to 0800, answered by 1003 after 0:17, 2 recordings"
std::string sentence(const Journey& call) {
    auto text = fmt::format("{}: {} call from {} to {}, ", call.linkedid, name_of(call.direction),
                            call.from.empty() ? "nobody" : call.from, call.dialled.empty() ? call.to : call.dialled);
    if (!call.organization.empty())
        text += "of " + call.organization + ", ";
    text += call.answered_by.empty()
                ? fmt::format("not answered, ended after {}", clock_time(call.waited))
                : fmt::format("answered by {} after {}", call.answered_by, clock_time(call.waited));
    return text + fmt::format(", {} recording{}", call.legs, call.legs == 1 ? "" : "s");
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
                 {"accountcode", 36}},
                form};
    const bool eyes = table.on_terminal();
    const auto seconds = [&](std::int64_t value) { return eyes ? clock_time(value) : std::to_string(value); };
    for (const auto& call : calls) {
        if (eyes)
            fmt::print("{}\n", printable(sentence(call)));
        for (const auto& row : call.rows)
            table.row({std::to_string(row.id), eyes ? shown_time(row.calldate) : iso_time(row.calldate), row.src,
                       row.dst, seconds(row.duration), seconds(row.billsec), row.disposition, row.recordingfile,
                       row.lastapp, row.channel, row.dstchannel, row.dcontext, row.uniqueid, row.linkedid,
                       row.accountcode});
    }
}

} // namespace

Exit list_calls(const CallsRequest& request) {
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    const auto since = static_cast<double>(parse_moment(request.since, now));
    // Calls whose rows are dated in the future, by a clock that was wrong, are no less calls.
    const auto until = request.until.empty() ? 253402300799.0 : static_cast<double>(parse_moment(request.until, now));
    const auto disposition = disposition_of(request.disposition);
    std::string digits;
    for (const char c : request.number)
        if (c >= '0' && c <= '9')
            digits += c;
    const long long limit = request.limit > 0 ? request.limit : std::numeric_limits<std::int64_t>::max();
    if (!is_utf8(request.number) || !is_utf8(request.organization))
        throw Error{Exit::usage, "the number or organization is not UTF-8"};

    soci::session session;
    db::connect(session, request.database, request.timeout);
    const auto tenants = load_tenants(session);
    const auto account = account_of(tenants, request.organization);
    {
        const Waiting waiting{"the database", Exit::unavailable};
        db::guarded(reading, [&] {
            session << "begin read only";
            session << fmt::format(R"(declare calls no scroll cursor for {} select {}
                from chosen cross join lateral (
                    select * from asterisk_cdr where asterisk_cdr.linkedid = chosen.linkedid
                        and coalesce(asterisk_cdr.accountcode, '') = chosen.account offset 0) r
                order by chosen.calldate desc, chosen.linkedid collate "C" desc, chosen.account collate "C" desc)",
                                   chosen_calls, row_columns),
                soci::use(since, "since"), soci::use(until, "until"), soci::use(account, "account"),
                soci::use(digits, "digits"), soci::use(request.number, "number"), soci::use(disposition, "disposition"),
                soci::use(limit, "limit");
        });
    }
    CallPrinter printer{request};
    for_each_call(session, tenants, [&](const Journey& call) { printer.print(call); });
    printer.finish();
    return Exit::ok;
}

Exit show_call(const CallsRequest& request, const std::string& name) {
    const Error none{Exit::no_input, fmt::format("no such call: {}", printable(shown(name))),
                     "a call is named by its CDR id, its linkedid or a uniqueid; pbx-calls lists calls"};
    const bool all_digits = !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
    if (name.empty() || !is_utf8(name) || (all_digits && name.size() > std::numeric_limits<std::int64_t>::digits10))
        throw Error{none};
    soci::session session;
    db::connect(session, request.database, request.timeout);
    const auto tenants = load_tenants(session);
    const auto account = account_of(tenants, request.organization);
    {
        const Waiting waiting{"the database", Exit::unavailable};
        db::guarded(reading, [&] {
            session << "begin read only";
            const std::string named =
                all_digits ? "id = cast(:name as bigint)" : "(linkedid = :name or uniqueid = :name)";
            session << fmt::format(R"(declare calls no scroll cursor for
                with named as (select distinct linkedid from asterisk_cdr where linkedid <> '' and {})
                select {} from named cross join lateral (
                    select * from asterisk_cdr where asterisk_cdr.linkedid = named.linkedid offset 0) r
                where :account = '' or r.accountcode = :account
                order by r.linkedid collate "C", coalesce(r.accountcode, '') collate "C")",
                                   named, row_columns),
                soci::use(name, "name"), soci::use(account, "account");
        });
    }
    std::vector<Journey> calls;
    for_each_call(session, tenants, [&](const Journey& call) { calls.push_back(call); });
    if (calls.empty())
        throw Error{none};
    if (!request.json) {
        print_rows(calls, request.form);
        return Exit::ok;
    }
    nlohmann::ordered_json report = nlohmann::ordered_json::array();
    for (const auto& call : calls) {
        auto item = summary(call);
        item["rows"] = nlohmann::ordered_json::array();
        for (const auto& row : call.rows)
            item["rows"].push_back(json_row(row));
        report.push_back(std::move(item));
    }
    fmt::print("{}\n", report.dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
    return Exit::ok;
}

} // namespace pbx::cdr

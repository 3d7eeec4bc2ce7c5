// PostgreSQL chooses the calls and sends their rows through one cursor; journey.cpp reads the rows.
#include "cdr/call_query.hpp"

#include "base/deadline.hpp"
#include "base/error.hpp"
#include "base/name.hpp"
#include "db/session.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace pbx::cdr {

namespace {

constexpr const char* reading = "read the calls";

// In the order in which RowBlock takes them. Times are limited as in legs.cpp.
constexpr const char* columns_of_row = R"(
    r.id, cast(floor(extract(epoch from least(greatest(r.calldate, to_timestamp(0)), to_timestamp(253370764800)))) as bigint),
    cast(coalesce(r.sequence, 0) as bigint),
    cast(coalesce(r.duration, 0) as bigint), cast(coalesce(r.billsec, 0) as bigint), cast({shared} as bigint), coalesce(r.clid, ''),
    coalesce(r.src, ''), coalesce(r.dst, ''), coalesce(r.dcontext, ''), coalesce(r.channel, ''),
    coalesce(r.dstchannel, ''), coalesce(r.lastapp, ''), coalesce(r.lastdata, ''), coalesce(r.disposition, ''),
    coalesce(r.accountcode, ''), coalesce(r.uniqueid, ''), coalesce(r.linkedid, ''), coalesce(r.recordingfile, ''),
    coalesce(r.recording_paused, ''), coalesce(r.recording_consent, ''))";

// Whether rows of another account have the linkedid of a chosen call.
constexpr const char* is_shared = R"((case when exists(
    select from asterisk_cdr o where o.linkedid = chosen.linkedid and coalesce(o.accountcode, '') <> chosen.account) then 1 else 0 end))";

// First the calls with a row in the window, then of those the calls that began in it, so that adjacent windows show
// each call once. OFFSET 0 in the lateral joins makes the planner look up each linkedid in the index.
constexpr const char* chosen_calls = R"(
    with due as materialized (
        select distinct linkedid from asterisk_cdr
        where linkedid <> '' and calldate >= to_timestamp(:since) and calldate < to_timestamp(:until)
    ), called as (
        select r.*, coalesce(r.accountcode, '') as account
        from due cross join lateral (
            select * from asterisk_cdr where asterisk_cdr.linkedid = due.linkedid offset 0) r
        where :account = '' or r.accountcode = :account
    ), judged as (
        select linkedid, account, min(calldate) as began, {disposition} as disposition, bool_or(
            case when :number = '' then true
                when length(:digits) > 5
                then right(regexp_replace(coalesce(src, ''), '[^0-9]', '', 'g'), length(:digits)) = :digits
                    or right(regexp_replace(coalesce(dst, ''), '[^0-9]', '', 'g'), length(:digits)) = :digits
                    or right({rung}, length(:digits)) = :digits
                else :number in (src, dst, {rung}) end) as matches
        from called group by linkedid, account
    ), chosen as (
        select linkedid, account, began from judged
        where matches and began >= to_timestamp(:since) and began < to_timestamp(:until)
            and :disposition in ('', disposition)
        order by began desc, linkedid collate "C" desc, account collate "C" desc
        limit :limit
    ))";

// As find_rung_number() in journey.cpp: a transfer replaces dst.
constexpr const char* rung_number =
    R"(coalesce(substring(lastdata from 'U\(pbx-recorder-up\^([^\^]*)\^'),
                substring(lastdata from '^PJSIP/[^/]*_([^/_]*)/sip')))";

std::string condition_of(const DispositionRule& rule) {
    std::string condition = "true";
    if (!rule.of_row.empty())
        condition += fmt::format(" and disposition = '{}'", rule.of_row);
    if (rule.of_party)
        condition += " and strpos(dstchannel, '/') > 0 and not starts_with(dstchannel, 'Local/')";
    if (!rule.application.empty())
        condition += fmt::format(" and lastapp = '{}'", rule.application);
    return condition;
}

// NULL when no rule fits.
std::string call_disposition() {
    std::string cases;
    std::string results;
    int place = 0;
    for (const auto& rule : disposition_rules) {
        cases += fmt::format(" when {} then {}", condition_of(rule), ++place);
        results += fmt::format("{}'{}'", place == 1 ? "" : ", ", rule.of_call);
    }
    return fmt::format("(array[{}])[min(case{} end)]", results, cases);
}

// `shared` is the expression for CdrRow::shares_linkedid.
std::string row_columns(const char* shared) {
    return fmt::format(fmt::runtime(columns_of_row), fmt::arg("shared", shared));
}

struct RowBlock {
    static constexpr std::size_t size = 1000;
    std::array<std::vector<long long>, 6> numbers;
    std::array<std::vector<std::string>, 15> texts;

    void resize() {
        for (auto& column : numbers)
            column.resize(size);
        for (auto& column : texts)
            column.resize(size);
    }

    CdrRow take_row(std::size_t i) {
        auto next_text = [&, column = std::size_t{0}]() mutable { return std::move(texts.at(column++)[i]); };
        CdrRow row;
        row.id = numbers[0][i];
        row.calldate = std::chrono::sys_seconds{std::chrono::seconds{numbers[1][i]}};
        row.sequence = numbers[2][i];
        row.duration = std::chrono::seconds{numbers[3][i]};
        row.billsec = std::chrono::seconds{numbers[4][i]};
        row.shares_linkedid = numbers[5][i] != 0;
        for (auto* text : {&row.clid, &row.src, &row.dst, &row.dcontext, &row.channel, &row.dstchannel, &row.lastapp,
                           &row.lastdata, &row.disposition, &row.accountcode, &row.uniqueid, &row.linkedid,
                           &row.recordingfile, &row.recording_paused, &row.recording_consent})
            *text = next_text();
        return row;
    }
};

// Reads the cursor "calls" to its end, or until `each` returns false.
void for_each_row(soci::session& session, const std::function<bool(CdrRow)>& each) {
    RowBlock block;
    for (;;) {
        block.resize();
        {
            const WaitingFor waiting{"the database", Exit::unavailable};
            db::guarded(reading, [&] {
                soci::statement statement{session};
                for (auto& column : block.numbers)
                    statement.exchange(soci::into(column));
                for (auto& column : block.texts)
                    statement.exchange(soci::into(column));
                statement.alloc();
                statement.prepare(fmt::format("fetch forward {} from calls", RowBlock::size));
                statement.define_and_bind();
                statement.execute(true);
            });
        }
        const auto rows = block.numbers[0].size();
        if (rows == 0)
            return;
        for (std::size_t i = 0; i < rows; ++i)
            if (!each(block.take_row(i)))
                return;
    }
}

std::string digits_of(const std::string& number) {
    std::string digits;
    std::copy_if(number.begin(), number.end(), std::back_inserter(digits), [](char c) { return c >= '0' && c <= '9'; });
    return digits;
}

constexpr std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();

// Has the server choose the calls that pass what it can judge. Leaves a transaction with a cursor open.
void select_calls(soci::session& session, const CallFilter& filter) {
    constexpr double end_of_9999 = 253402300799.0;
    const auto since = static_cast<double>(filter.since.time_since_epoch().count());
    const auto until = filter.until ? static_cast<double>(filter.until->time_since_epoch().count()) : end_of_9999;
    const auto digits = digits_of(filter.number);
    // What is judged later must not count yet.
    const long long limit = filter.limit > 0 && !filter.looks_at_rows() ? filter.limit : no_limit;
    const WaitingFor waiting{"the database", Exit::unavailable};
    db::guarded(reading, [&] {
        session << "begin read only";
        session << fmt::format(
            R"(declare calls no scroll cursor for {} select {}
                from (select *, {} as is_shared from chosen offset 0) chosen cross join lateral (
                    select * from asterisk_cdr where asterisk_cdr.linkedid = chosen.linkedid
                        and coalesce(asterisk_cdr.accountcode, '') = chosen.account offset 0) r
                order by chosen.began desc, chosen.linkedid collate "C" desc, chosen.account collate "C" desc)",
            fmt::format(chosen_calls, fmt::arg("disposition", call_disposition()), fmt::arg("rung", rung_number)),
            row_columns("chosen.is_shared"), is_shared),
            soci::use(since, "since"), soci::use(until, "until"), soci::use(filter.account, "account"),
            soci::use(digits, "digits"), soci::use(filter.number, "number"),
            soci::use(filter.disposition, "disposition"), soci::use(limit, "limit");
    });
}

// Calls `each` for every call of the cursor, until it returns false, in bounded memory; then ends the transaction.
void for_each_journey(soci::session& session, const Tenants& tenants,
                      const std::function<bool(const Journey&, const TenantNames*)>& each) {
    std::vector<CdrRow> rows; // of one call: they follow one another
    const auto finish_call = [&] {
        if (rows.empty())
            return true;
        const auto found = tenants.find(rows.front().accountcode);
        const auto* const tenant = found == tenants.end() ? nullptr : &found->second;
        return each(make_journey(std::exchange(rows, {}), tenant), tenant);
    };
    bool goes_on = true;
    for_each_row(session, [&](CdrRow row) {
        if (!rows.empty() && (rows.front().linkedid != row.linkedid || rows.front().accountcode != row.accountcode))
            goes_on = finish_call();
        rows.push_back(std::move(row));
        return goes_on;
    });
    if (goes_on)
        finish_call();
    db::guarded(reading, [&] { session << "commit"; });
}

} // namespace

void for_each_call(soci::session& session, const Tenants& tenants, const CallFilter& filter,
                   const std::function<void(const Journey&)>& each) {
    select_calls(session, filter);
    auto left = filter.limit > 0 ? filter.limit : no_limit;
    for_each_journey(session, tenants, [&](const Journey& call, const TenantNames* tenant) {
        if (filter.passes(call, tenant)) {
            each(call);
            --left;
        }
        return left > 0;
    });
}

namespace {

// Has the server choose the calls whose linkedids the query `named` selects; :names in it is the parameter. Leaves a
// transaction with a cursor open.
void declare_calls(soci::session& session, const std::string& named, const std::string& names,
                   const std::optional<std::string>& account) {
    const int all = account ? 0 : 1;
    const auto wanted = account.value_or("");
    const WaitingFor waiting{"the database", Exit::unavailable};
    db::guarded(reading, [&] {
        session << "begin read only";
        session << fmt::format(R"(declare calls no scroll cursor for with named as ({}) select {}
                from named cross join lateral (
                    select * from asterisk_cdr where asterisk_cdr.linkedid = named.linkedid offset 0) r
                where :all = 1 or coalesce(r.accountcode, '') = :account
                order by r.linkedid collate "C", coalesce(r.accountcode, '') collate "C")",
                               named, row_columns("0")),
            soci::use(names, "names"), soci::use(all, "all"), soci::use(wanted, "account");
    });
}

std::vector<Journey> read_journeys(soci::session& session, const Tenants& tenants) {
    std::vector<Journey> calls;
    for_each_journey(session, tenants, [&](const Journey& call, const TenantNames* /*tenant*/) {
        calls.push_back(call);
        return true;
    });
    return calls;
}

} // namespace

std::vector<Journey> find_journeys(soci::session& session, const Tenants& tenants, const std::string& name,
                                   const std::optional<std::string>& account) {
    const bool is_id = !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
    if (name.empty() || !is_utf8(name) || !is_utf8(account.value_or("")) ||
        (is_id && name.size() > std::numeric_limits<std::int64_t>::digits10))
        return {};
    const auto* const rows = is_id ? "id = cast(:names as bigint)" : "(linkedid = :names or uniqueid = :names)";
    // The row that has the name must be the account's: otherwise it would show to which call another account's belongs.
    declare_calls(session,
                  fmt::format("select distinct linkedid from asterisk_cdr where linkedid <> '' and {} "
                              "and (:all = 1 or coalesce(accountcode, '') = :account)",
                              rows),
                  name, account);
    return read_journeys(session, tenants);
}

std::vector<Journey> find_journeys(soci::session& session, const Tenants& tenants,
                                   const std::vector<std::string>& linkedids) {
    declare_calls(session, "select distinct value as linkedid from json_array_elements_text(cast(:names as json))",
                  nlohmann::json(linkedids).dump(), std::nullopt);
    return read_journeys(session, tenants);
}

} // namespace pbx::cdr

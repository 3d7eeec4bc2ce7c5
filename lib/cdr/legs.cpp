// The query that fills Call, the same for an hourly batch and for one call.
#include "cdr/legs.hpp"

#include "base/deadline.hpp"
#include "base/name.hpp"
#include "cdr/consent.hpp"
#include "cdr/pauses.hpp"
#include "db/session.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>

namespace pbx::cdr {

namespace {

// The legs of the calls in the table `due(linkedid)`, which the query has defined before, where they are `chosen`.
// OFFSET 0 in the lateral join makes the planner look up each linkedid in the index, whatever it estimates; windows
// instead of joins leave two sorts. A time before 1970 or after 9998, infinity too, counts as the nearest in between:
// its leg stays a leg of its call, and no number overflows.
constexpr const char* legs_of_due = R"(
    , rows as (
        select r.* from due cross join lateral (
            select linkedid, coalesce(accountcode, '') as accountcode, coalesce(recordingfile, '') as recordingfile,
                   least(greatest(calldate, to_timestamp(0)), to_timestamp(253370764800)) as calldate,
                   coalesce(sequence, 0) as sequence, coalesce(duration, 0) as duration,
                   nullif(recording_paused, '') as paused_then, nullif(recording_consent, '') as answer
            from asterisk_cdr where asterisk_cdr.linkedid = due.linkedid offset 0) r
    ), spans as (
        select *, min(calldate) over call as started,
               max(calldate + duration * interval '1 second') over call as ended,
               string_agg(paused_then, ',') over call as paused, string_agg(answer, ',') over call as consent
        from rows window call as (partition by linkedid, accountcode)
    ), legs as (
        select distinct on (linkedid, accountcode, recordingfile) *
        from spans where recordingfile <> ''
        order by linkedid, accountcode, recordingfile, calldate, sequence
    ), counted as (
        select *, count(*) over (partition by linkedid, accountcode) as legs_of_call,
               row_number() over (partition by linkedid, accountcode) as nth,
               min(accountcode) over linked <> max(accountcode) over linked as shared
        from legs window linked as (partition by linkedid)
    )
    select linkedid, accountcode, recordingfile, cast(floor(extract(epoch from started)) as bigint),
           cast(ceil(extract(epoch from ended)) as bigint), cast(shared as int), cast(named_by_others as int), calls_in_all,
           coalesce(paused, ''), coalesce(consent, '')
    from counted where chosen
    order by linkedid collate "C", accountcode collate "C", calldate, sequence, recordingfile collate "C")";

constexpr const char* reading = "read the calls";

std::string replaced(std::string text, const std::string& what, const std::string& with) {
    return text.replace(text.find(what), what.size(), with);
}

// The final sort holds all rows in any case; counting reads them once more. `tables` defines due, and what it is made
// from; each :value in it is the parameter.
void declare(soci::session& session, const std::string& tables, const std::string& chosen, bool count,
             const std::string& value) {
    const WaitingFor waiting{"the database", Exit::unavailable};
    db::guarded(reading, [&] {
        const auto rows = replaced(replaced(legs_of_due, "chosen", chosen), "named_by_others",
                                   named_by_others("counted.recordingfile", "counted.accountcode"));
        const auto query =
            "declare due_calls no scroll cursor with hold for with " + tables +
            replaced(rows, "calls_in_all", count ? "count(*) filter (where nth = 1) over ()" : "cast(0 as bigint)");
        session << query, soci::use(value, "value");
    });
}

} // namespace

// Two ranges of the index (recordingfile, accountcode) instead of one range and a filter: each ends with its first row,
// also where a hundred thousand rows name one leg.
std::string named_by_others(const std::string& leg, const std::string& account) {
    return fmt::format("(exists (select from asterisk_cdr o where o.recordingfile = {0} and o.accountcode > {1}) or "
                       "exists (select from asterisk_cdr o where o.recordingfile = {0} and o.accountcode > '' and "
                       "o.accountcode < {1}))",
                       leg, account);
}

DueCalls DueCalls::since(soci::session& session, std::chrono::seconds since, bool count) {
    declare(session,
            "due as materialized (select distinct linkedid from asterisk_cdr where linkedid <> '' and "
            "calldate >= now() - cast(:value as double precision) * interval '1 second')",
            "legs_of_call >= 2", count, std::to_string(since.count()));
    return DueCalls{session};
}

DueCalls DueCalls::named(soci::session& session, const std::vector<std::string>& linkedids, bool count) {
    for (const auto& linkedid : linkedids) {
        require_safe_name(linkedid, "linkedid");
        if (!is_utf8(linkedid))
            throw Error{Exit::data, "linkedid \"" + shown(linkedid) + "\" refused: it is not UTF-8"};
    }
    declare(
        session,
        "due as materialized (select distinct value as linkedid from json_array_elements_text(cast(:value as json)))",
        "true", count, nlohmann::json(linkedids).dump());
    return DueCalls{session};
}

bool DueCalls::read_block() {
    constexpr std::size_t rows_at_once = 2000;
    if (rows_read_ % rows_at_once != 0)
        return false; // the last block was not full, so there is no other
    at_ = 0;
    rows_.linkedid.resize(rows_at_once);
    rows_.accountcode.resize(rows_at_once);
    rows_.recordingfile.resize(rows_at_once);
    rows_.started.resize(rows_at_once);
    rows_.ended.resize(rows_at_once);
    rows_.shared.resize(rows_at_once);
    rows_.ambiguous.resize(rows_at_once);
    rows_.all.resize(rows_at_once);
    rows_.paused.resize(rows_at_once);
    rows_.consent.resize(rows_at_once);
    const WaitingFor waiting{"the database", Exit::unavailable};
    db::guarded(reading, [&] {
        *session_ << "fetch forward 2000 from due_calls", soci::into(rows_.linkedid), soci::into(rows_.accountcode),
            soci::into(rows_.recordingfile), soci::into(rows_.started), soci::into(rows_.ended),
            soci::into(rows_.shared), soci::into(rows_.ambiguous), soci::into(rows_.all), soci::into(rows_.paused),
            soci::into(rows_.consent);
    });
    rows_read_ += rows_.linkedid.size();
    if (!rows_.all.empty())
        total_ = static_cast<std::uint64_t>(rows_.all.front());
    return !rows_.linkedid.empty();
}

std::optional<Call> DueCalls::next() {
    if (at_ >= rows_.linkedid.size() && !read_block())
        return std::nullopt;
    Call call;
    call.linkedid = rows_.linkedid[at_];
    call.accountcode = rows_.accountcode[at_];
    call.started = std::chrono::sys_seconds{std::chrono::seconds{rows_.started[at_]}};
    call.ended = std::chrono::sys_seconds{std::chrono::seconds{rows_.ended[at_]}};
    call.shared = rows_.shared[at_] != 0;
    call.paused = pauses_text(parse_pauses(rows_.paused[at_]));
    call.consent = consent_text(rows_.consent[at_]);
    // Its rows are adjacent, but may begin in one block and end in the next.
    while (at_ < rows_.linkedid.size() || read_block()) {
        if (rows_.linkedid[at_] != call.linkedid || rows_.accountcode[at_] != call.accountcode)
            break;
        if (rows_.ambiguous[at_] != 0)
            call.ambiguous.push_back(rows_.recordingfile[at_]);
        call.legs.push_back(std::move(rows_.recordingfile[at_]));
        ++at_;
    }
    return call;
}

std::vector<Call> find_calls(soci::session& session, const std::string& name) {
    if (name.empty() || name.size() > 255 || !is_utf8(name) || name.find('\0') != std::string::npos)
        return {};
    const bool all_digits = std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (all_digits && name.size() > std::numeric_limits<std::int64_t>::digits10)
        return {};
    // The first channel's uniqueid is the linkedid itself: a name that is both means the whole linkedid.
    const std::string rows =
        all_digits ? "select linkedid, accountcode, false as whole from asterisk_cdr where id = cast(:value as bigint)"
                   : "select linkedid, accountcode, true as whole from asterisk_cdr where linkedid = :value "
                     "union all select linkedid, accountcode, false from asterisk_cdr where uniqueid = :value";
    declare(session,
            "named as materialized (select linkedid, coalesce(accountcode, '') as accountcode, whole from (" + rows +
                ") named where linkedid <> ''), "
                "due as materialized (select linkedid from named order by whole desc, linkedid limit 1)",
            "(select bool_or(whole) from named) or accountcode in (select accountcode from named where "
            "named.linkedid = counted.linkedid)",
            false, name);
    DueCalls found{session};
    std::vector<Call> calls;
    while (auto call = found.next())
        calls.push_back(*std::move(call));
    return calls;
}

} // namespace pbx::cdr

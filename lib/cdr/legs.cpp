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
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <utility>

namespace pbx::cdr {

namespace {

// The legs of the calls in the table `due(linkedid)`, which the query has defined before, where they are `chosen`.
// OFFSET 0 in the lateral join makes the planner look up each linkedid in the index, whatever it estimates; windows
// instead of joins leave two sorts. A time before 1970 or after 9998, infinity too, counts as the nearest in between:
// its leg stays a leg of its call, and no number overflows.
constexpr const char* legs_of_due = R"(
    , rows as (
        select r.* from due cross join lateral (
            select linkedid, coalesce(accountcode, '') as accountcode, coalesce(leg_of_row, '') as leg, day_of_row as day,
                   least(greatest(calldate, to_timestamp(0)), to_timestamp(253370764800)) as calldate,
                   coalesce(sequence, 0) as sequence, coalesce(duration, 0) as duration,
                   nullif(recording_paused, '') as paused_then, nullif(recording_consent, '') as answer
            from asterisk_cdr where asterisk_cdr.linkedid = due.linkedid offset 0) r
    ), spans as (
        select *, min(calldate) over call as started,
               max(calldate + duration * interval '1 second') over call as ended,
               string_agg(paused_then, ',') over call as paused, string_agg(answer, ',') over call as consent,
               min(day) over (partition by linkedid, accountcode, leg) as named_day
        from rows window call as (partition by linkedid, accountcode)
    ), legs as (
        select distinct on (linkedid, accountcode, leg) *
        from spans where leg <> ''
        order by linkedid, accountcode, leg, calldate, sequence
    ), counted as (
        select *, count(*) over (partition by linkedid, accountcode) as legs_of_call,
               row_number() over (partition by linkedid, accountcode) as nth,
               min(accountcode) over linked <> max(accountcode) over linked as shared
        from legs window linked as (partition by linkedid)
    )
    select linkedid, accountcode, leg, cast(floor(extract(epoch from started)) as bigint),
           cast(ceil(extract(epoch from ended)) as bigint), cast(shared as int), cast(claimed_by_others as int), calls_in_all,
           coalesce(paused, ''), coalesce(consent, ''), coalesce(named_day, '')
    from counted where chosen
    order by linkedid collate "C", accountcode collate "C", calldate, sequence, leg collate "C")";

constexpr const char* reading = "read the calls";

std::string replaced(std::string text, const std::string& what, const std::string& with) {
    return text.replace(text.find(what), what.size(), with);
}

// The final sort holds all rows in any case; counting reads them once more. `tables` defines due, and what it is made
// from; each :value in it is the parameter.
void declare(soci::session& session, const db::LegNaming& naming, const std::string& tables, const std::string& chosen,
             bool count, const std::string& value) {
    const WaitingFor waiting{"the database", Exit::unavailable};
    db::guarded(reading, [&] {
        auto rows = replaced(legs_of_due, "chosen", chosen);
        rows = replaced(rows, "leg_of_row", naming.leg("recordingfile"));
        rows = replaced(rows, "day_of_row", naming.day("recordingfile"));
        rows = replaced(rows, "claimed_by_others", claimed_by_others("counted.leg", "counted.accountcode"));
        const auto query =
            "declare due_calls no scroll cursor with hold for with " + tables +
            replaced(rows, "calls_in_all", count ? "count(*) filter (where nth = 1) over ()" : "cast(0 as bigint)");
        session << query, soci::use(value, "value");
    });
}

void declare_named(soci::session& session, const db::LegNaming& naming, const std::vector<std::string>& linkedids,
                   bool count) {
    declare(
        session, naming,
        "due as materialized (select distinct value as linkedid from json_array_elements_text(cast(:value as json)))",
        "true", count, nlohmann::json(linkedids).dump());
}

} // namespace

// Two ranges of the index on the base name and accountcode instead of one range and a filter: each ends with its first
// row, also where a hundred thousand rows name one leg.
std::string claimed_by_others(const std::string& leg, const std::string& account) {
    return fmt::format(
        "(exists (select from asterisk_cdr o where {0} and o.accountcode > {1}) or "
        "exists (select from asterisk_cdr o where {0} and o.accountcode > '' and o.accountcode < {1}) or "
        "exists (select from recordings f where f.shelf = 'legs' and f.name = {2} and "
        "f.accountcode > '' and f.accountcode <> {1}))",
        db::LegNaming::claims("o.recordingfile", leg), account, leg);
}

void require_linkedid(const std::string& linkedid) {
    require_safe_name(linkedid, "linkedid");
    if (!is_utf8(linkedid))
        throw Error{Exit::data, "linkedid \"" + shown(linkedid) + "\" refused: it is not UTF-8"};
}

DueCalls DueCalls::since(soci::session& session, const db::LegNaming& naming, std::chrono::seconds since, bool count) {
    declare(session, naming,
            "due as materialized (select distinct linkedid from asterisk_cdr where linkedid <> '' and "
            "calldate >= now() - cast(:value as double precision) * interval '1 second')",
            "legs_of_call >= 2", count, std::to_string(since.count()));
    return DueCalls{session};
}

DueCalls DueCalls::named(soci::session& session, const db::LegNaming& naming, const std::vector<std::string>& linkedids,
                         bool count) {
    for (const auto& linkedid : linkedids)
        require_linkedid(linkedid);
    declare_named(session, naming, linkedids, count);
    return DueCalls{session};
}

bool DueCalls::read_block() {
    constexpr std::size_t rows_at_once = 2000;
    if (rows_read_ % rows_at_once != 0)
        return false; // the last block was not full, so there is no other
    at_ = 0;
    rows_.linkedid.resize(rows_at_once);
    rows_.accountcode.resize(rows_at_once);
    rows_.leg.resize(rows_at_once);
    rows_.started.resize(rows_at_once);
    rows_.ended.resize(rows_at_once);
    rows_.shared.resize(rows_at_once);
    rows_.ambiguous.resize(rows_at_once);
    rows_.all.resize(rows_at_once);
    rows_.paused.resize(rows_at_once);
    rows_.consent.resize(rows_at_once);
    rows_.day.resize(rows_at_once);
    const WaitingFor waiting{"the database", Exit::unavailable};
    db::guarded(reading, [&] {
        *session_ << "fetch forward 2000 from due_calls", soci::into(rows_.linkedid), soci::into(rows_.accountcode),
            soci::into(rows_.leg), soci::into(rows_.started), soci::into(rows_.ended), soci::into(rows_.shared),
            soci::into(rows_.ambiguous), soci::into(rows_.all), soci::into(rows_.paused), soci::into(rows_.consent),
            soci::into(rows_.day);
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
            call.ambiguous.push_back(rows_.leg[at_]);
        if (is_day_folder(rows_.day[at_]))
            call.days.emplace(rows_.leg[at_], std::move(rows_.day[at_]));
        call.legs.push_back(std::move(rows_.leg[at_]));
        ++at_;
    }
    return call;
}

namespace {

bool is_number(const std::string& name) {
    return std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Whether rows can have this name: a text, or the id of a row.
bool can_be_named(const std::string& name) {
    constexpr std::size_t longest = 255;
    return !name.empty() && name.size() <= longest && is_utf8(name) && name.find('\0') == std::string::npos &&
           (!is_number(name) || name.size() <= std::numeric_limits<std::int64_t>::digits10);
}

// The calls that each name means, of all accounts. The first channel's uniqueid is the linkedid itself: a name that is
// both means the whole linkedid. OFFSET 0 makes the planner look up each name in an index.
constexpr const char* finding_meant = R"(
    with wanted as (
        select name, name ~ '^[0-9]+$' as is_id from json_array_elements_text(cast(:names as json)) as list(name)
    )
    select name, linkedid, coalesce(accountcode, ''), cast(bool_or(whole) as int)
    from wanted cross join lateral (
        select linkedid, accountcode, false as whole from asterisk_cdr
        where is_id and id = cast(case when is_id then name end as bigint)
        union all select linkedid, accountcode, true from asterisk_cdr where not is_id and linkedid = name
        union all select linkedid, accountcode, false from asterisk_cdr where not is_id and uniqueid = name
        offset 0) r
    where linkedid <> '' group by name, linkedid, accountcode)";

// A call that a name means, and whether it means every call of that linkedid.
struct Meant {
    std::string linkedid;
    std::string accountcode;
    bool whole = false;

    bool is(const Call& call) const { return linkedid == call.linkedid && (whole || accountcode == call.accountcode); }
};

using MeantByName = std::multimap<std::string, Meant>;

MeantByName find_meant(soci::session& session, const std::vector<std::string>& names) {
    MeantByName result;
    const auto list = nlohmann::json(names).dump();
    const WaitingFor waiting{"the database", Exit::unavailable};
    return db::guarded(reading, [&] {
        std::string name;
        Meant meant;
        int whole = 0;
        soci::statement statement = (session.prepare << finding_meant, soci::use(list, "names"), soci::into(name),
                                     soci::into(meant.linkedid), soci::into(meant.accountcode), soci::into(whole));
        statement.execute();
        while (statement.fetch()) {
            meant.whole = whole != 0;
            result.emplace(name, meant);
        }
        return std::move(result);
    });
}

using CallsByLinkedid = std::multimap<std::string, Call>;

// Those of `calls` that one name means, in the order of their linkedids.
std::vector<Call> calls_of(MeantByName::const_iterator first, MeantByName::const_iterator last,
                           const CallsByLinkedid& calls) {
    std::set<std::string> linkedids;
    std::for_each(first, last, [&](const auto& each) { linkedids.insert(each.second.linkedid); });
    std::vector<Call> result;
    for (const auto& linkedid : linkedids) {
        const auto [begin, end] = calls.equal_range(linkedid);
        for (auto call = begin; call != end; ++call)
            if (std::any_of(first, last, [&](const auto& each) { return each.second.is(call->second); }))
                result.push_back(call->second);
    }
    return result;
}

} // namespace

CallsByName find_calls(soci::session& session, const db::LegNaming& naming, const std::vector<std::string>& names) {
    std::vector<std::string> possible;
    std::copy_if(names.begin(), names.end(), std::back_inserter(possible), can_be_named);
    CallsByName found;
    if (possible.empty())
        return found;
    const auto meant = find_meant(session, possible);
    std::set<std::string> linkedids;
    for (const auto& [name, call] : meant)
        linkedids.insert(call.linkedid);
    declare_named(session, naming, {linkedids.begin(), linkedids.end()}, false);
    CallsByLinkedid calls;
    DueCalls all{session};
    while (auto call = all.next())
        calls.emplace(call->linkedid, *call);
    for (auto at = meant.begin(); at != meant.end(); at = meant.upper_bound(at->first)) {
        const auto [first, last] = meant.equal_range(at->first);
        if (auto its = calls_of(first, last, calls); !its.empty())
            found.emplace(at->first, std::move(its));
    }
    return found;
}

std::vector<Call> find_calls(soci::session& session, const db::LegNaming& naming, const std::string& name) {
    auto found = find_calls(session, naming, std::vector{name});
    return std::move(found[name]);
}

} // namespace pbx::cdr

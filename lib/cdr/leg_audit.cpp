// The listings go in with COPY, joins compare them with the rows, and cursors return the result.
#include "cdr/leg_audit.hpp"

#include "base/name.hpp"
#include "cdr/legs.hpp"

#include <fmt/format.h>

#include <utility>

namespace pbx::cdr {

namespace {

// The rows in question. Times are limited as in legs.cpp. A row without a linkedid is a call of its own. An answered
// row began to talk at `answer`.
constexpr const char* audited_rows = R"(
    create temporary view pbx_audit_rows as
    select c.id, t.calldate, coalesce(c.sequence, 0) as sequence, coalesce(c.linkedid, '') as linkedid,
        coalesce(nullif(c.linkedid, ''), ' ' || c.id) as call,
        coalesce(c.accountcode, '') as account, coalesce({leg}, '') as recordingfile,
        coalesce(c.recording_paused, '') as paused,
        coalesce(c.dcontext, '') as dcontext, coalesce(c.dst, '') as dst, c.recording_consent as consent,
        coalesce(c.disposition, '') = 'ANSWERED' as answered, coalesce(c.billsec, 0) as billsec,
        t.calldate + coalesce(c.duration, 0) * interval '1 second' as ended,
        t.calldate + greatest(cast(coalesce(c.duration, 0) as bigint) - coalesce(c.billsec, 0), 0)
            * interval '1 second' as answer
    from asterisk_cdr c cross join lateral (
        select least(greatest(c.calldate, to_timestamp(0)), to_timestamp(253370764800)) as calldate) t
    where c.id <= {last}{since}{account})";

// Facts (the table recordings) are what was read when the leg was archived; they apply to an object of the same size.
// Without them, what the file in the spool shows is known, and of an object of at most 60 bytes that it has no audio:
// that is the header of Asterisk's WAV49; the one of its wav has 44.
constexpr const char* found_files = R"(
    create temporary table pbx_audit_files as
    select f.name, f.local, f.remote, f.modified, f.differs,
        case when f.known then f.frames / cast(f.rate as double precision) else f.seconds end as seconds,
        case when f.known then
            case when f.frames = 0 then 'empty'
                when f.heard = 0 and f.frames >= {least} * f.rate then 'silent'
                when f.unfinished then 'cut'
                when f.channels = 2 and f.heard = 1 and f.frames >= {least} * f.rate then 'one-sided'
                else 'sound' end
            when f.seconds = 0 or (f.local is null and f.remote <= 60) or (f.cut and f.local <= 60) then 'empty'
            when f.seconds >= {least} and f.heard_here = 0 then 'silent'
            when f.cut then 'cut'
            when f.seconds >= {least} and f.heard_here < f.channels_here then 'one-sided'
            when f.seconds is not null then 'sound'
            else 'unjudged' end as worth
    from (
        select coalesce(l.name, r.name) as name, l.size as local, r.size as remote, l.seconds, coalesce(l.cut, false) as cut,
            l.heard as heard_here, l.channels as channels_here,
            greatest(l.modified, r.modified) as modified, coalesce(k.size <> r.size or (r.md5 <> '' and r.md5 <> k.md5), false)
                or coalesce(l.twice, false) as differs,
            k.frames, k.rate, k.channels, coalesce(k.unfinished, false) as unfinished,
            case when jsonb_array_length(k.levels) = k.channels then
                cast(coalesce(cast(k.levels -> 0 ->> 'peak' as double precision) > {quiet}, false) as int)
                    + cast(coalesce(cast(k.levels -> 1 ->> 'peak' as double precision) > {quiet}, false) as int)
                end as heard,
            coalesce(k.frames is not null and k.rate > 0 and k.size = coalesce(r.size, l.size), false) as known
        from pbx_audit_local l full join pbx_audit_remote r on r.name = l.name
            left join recordings k on k.shelf = 'legs' and k.name = coalesce(l.name, r.name)
    ) f)";

// The calls of which another node may still hold a leg; computed once, so that rows and summary agree.
constexpr const char* recent_calls = R"(
    create temporary table pbx_audit_recent as
    select distinct call, account from pbx_audit_rows where ended > now() - {patience} * interval '1 second')";

// The rows of all accounts and times decide, whatever account and time are audited.
constexpr const char* ambiguous_legs = R"(
    create temporary table pbx_audit_ambiguous as
    select recordingfile, account
    from (select distinct recordingfile, account from pbx_audit_rows where recordingfile <> '') leg
    where {claimed_by_others})";

// How long a leg should be: the talk time of the first answered row that names it, but only until the next answer in
// its call. The recorder of a DID or a queue stops there, while its row goes on to the end of the call; and a recorder
// that continues after a transfer makes a leg longer, never shorter. Of a leg that a row from before the window names
// too, that row is not known here, and so is no talk time.
//
// What was said during a pause is not in the leg. Pauses are seconds into the call, which began at the time in its
// linkedid (cdr/pauses.hpp); all rows of the call have them, and only the last ones have their ends.
constexpr const char* talk_times = R"(
    create temporary table pbx_audit_talk as
    with leg as (
        select distinct on (account, recordingfile) account, recordingfile, call,
            extract(epoch from answer) as answer, least(billsec, extract(epoch from next_answer - answer)) as talk
        from (
            select account, recordingfile, call, calldate, sequence, id, billsec, answer,
                lead(answer) over (partition by call, account order by answer, sequence, id) as next_answer
            from pbx_audit_rows where answered) r
        where recordingfile <> ''{known}
        order by account, recordingfile, calldate, sequence, id
    ), pause as (
        select account, call, start + cast(part[1] as bigint) as since,
            max(start + cast(nullif(part[2], '') as bigint)) as until
        from (
            select account, call, cast(substring(call from '([0-9]{{1,12}})\.[0-9]+$') as bigint) as start,
                regexp_match(text, '^([0-9]{{1,9}})-([0-9]{{0,9}})$') as part
            from pbx_audit_rows cross join unnest(string_to_array(paused, ',')) as text
            where paused <> '') p
        where start is not null and part is not null
        group by 1, 2, 3
    ), silenced as (
        select account, recordingfile,
            sum(greatest(least(coalesce(until, answer + talk), answer + talk) - greatest(since, answer), 0)) as paused
        from leg join pause using (account, call)
        group by 1, 2
    )
    select account, recordingfile, greatest(talk - coalesce(paused, 0), 0) as talk, coalesce(paused, 0) as paused
    from leg left join silenced using (account, recordingfile))";

constexpr const char* not_named_earlier = R"(
    and not exists (select from asterisk_cdr o where {named}
        and coalesce(o.accountcode, '') = r.account and o.calldate < to_timestamp({since})))";

// A leg without audio is no fault where nobody had time to talk, or where it was paused for that time. An
// account learns nothing about an ambiguous leg, since the file may be another account's.
constexpr const char* judged_legs = R"(
    create temporary table pbx_audit_legs as
    select l.account, l.recordingfile, l.local, l.remote, l.seconds, l.talk, l.state, l.worth,
        case when l.state in ('both', 'local', 'remote') then l.worth else l.state end as verdict
    from (
        select n.account, n.recordingfile, t.talk,
            case when a.recordingfile is null then f.local end as local,
            case when a.recordingfile is null then f.remote end as remote,
            case when a.recordingfile is null then f.seconds end as seconds,
            case when a.recordingfile is not null then 'ambiguous' when f.differs then 'differs'
                when f.local is not null and f.remote is not null then 'both' when f.local is not null then 'local'
                when f.remote is not null then 'remote' when n.recent then 'awaited' else 'missing' end as state,
            case when f.differs or a.recordingfile is not null then null
                when f.worth = 'empty' and t.talk <= {slack} and t.talk + t.paused > {slack} then 'paused'
                when f.worth = 'empty' and coalesce(t.talk, 0) <= {slack} then 'sound'
                when f.worth = 'sound' and f.seconds + greatest({slack}, 0.1 * t.talk) < t.talk then 'short'
                else f.worth end as worth
        from (
            select r.account, r.recordingfile, bool_or(c.call is not null) as recent
            from pbx_audit_rows r left join pbx_audit_recent c using (call, account)
            where r.recordingfile <> '' group by 1, 2
        ) n left join pbx_audit_files f on f.name = n.recordingfile
            left join pbx_audit_talk t on t.account = n.account and t.recordingfile = n.recordingfile
            left join pbx_audit_ambiguous a on a.account = n.account and a.recordingfile = n.recordingfile
    ) l)";

constexpr const char* rows_with_legs = R"(
    select c.id, cast(floor(extract(epoch from c.calldate)) as bigint), c.linkedid, c.account, o.name, c.recordingfile,
        l.local, l.remote, l.state, l.seconds, coalesce(l.worth, ''), l.talk
    from pbx_audit_rows c
        join pbx_audit_legs l on l.account = c.account and l.recordingfile = c.recordingfile
        left join organizations o on cast(o.id as text) = c.account
    order by l.state <> 'ambiguous', c.calldate, c.id)";

// The name of a file that no row names may show whose it is: time, caller and the number that was called, then perhaps
// the node's name and a unique id. DIDs are unique, and in a name have digits only; an extension or a queue counts only
// when one organization alone has it. Files of the last hour are left out, since rows are written when a call ends.
// Rows with a path, of which there are usually none, are looked at separately: of all others the column is the name.
constexpr const char* orphans = R"(
    create temporary table pbx_audit_orphans as
    with orphan as (
        select f.*, regexp_match(f.name, '^(\d{{8}}-\d{{6}})-([0-9A-Za-z]+)-(?:queue-)?([0-9A-Za-z]+)'
            '(?:-[a-z0-9]{{1,16}})?(?:-[0-9.]+)?\.[A-Za-z]+$') as part
        from pbx_audit_files f
        where f.modified < extract(epoch from now()) - 3600 and f.modified >= {since}
            and not exists (select 1 from asterisk_cdr c where c.recordingfile = f.name)
            and not exists (select 1 from asterisk_cdr c where strpos(c.recordingfile, '/') > 0 and {named})
    ), owner as (
        select number, min(cast(org_id as text)) as account from (
            select regexp_replace(number, '[^0-9]', '', 'g') as number, org_id from did_numbers
            union select number, org_id from queues
            union select extension, org_id from users) n
        group by number having count(*) = 1
    )
    select o.*, coalesce(w.account, '') as account
    from orphan o left join owner w on w.number = o.part[3])";

// An audit of one account neither reads nor names the files of others.
constexpr const char* of_own_rows = R"(
    and exists (select from pbx_audit_rows r where r.recordingfile = f.name)
    and not exists (select from pbx_audit_ambiguous a where a.recordingfile = f.name))";

constexpr const char* no_orphans = R"(
    create temporary table pbx_audit_orphans as
    select f.*, array[]::text[] as part, '' as account from pbx_audit_files f where false)";

constexpr const char* orphans_by_name = R"(
    select o.name, o.local, o.remote,
        case when o.differs then 'differs' when o.local is null then 'remote' when o.remote is null then 'local'
            else 'both' end,
        o.seconds, case when o.differs then '' else o.worth end, o.account, g.name,
        coalesce(o.part[1], ''), coalesce(o.part[2], ''), coalesce(o.part[3], '')
    from pbx_audit_orphans o left join organizations g on cast(g.id as text) = o.account
    order by o.name collate "C")";

std::optional<std::string> text_or_nothing(const db::BulkRow& row, int column) {
    return row.is_null(column) ? std::nullopt : std::optional{row.text(column)};
}

std::chrono::sys_seconds time_of(const db::BulkRow& row, int column) {
    return std::chrono::sys_seconds{std::chrono::seconds{row.number(column)}};
}

} // namespace

LegAudit::LegAudit(soci::session& session, AuditScope scope)
    : session_{session, "audit the legs"}, scope_{std::move(scope)} {
    session_.execute("set client_encoding = 'UTF8'");
    const auto newest = session_.execute("select coalesce(max(id), 0) from asterisk_cdr");
    last_row_ = db::BulkRow{newest.get(), 0}.number(0);
    for (const auto* place : {"local", "remote"})
        session_.execute(
            fmt::format("create temporary table pbx_audit_{} (name text, size bigint, modified bigint, "
                        "seconds double precision, cut boolean, twice boolean, channels int, heard int, md5 text)",
                        place));
    const auto account = scope_.account.empty() ? "" : " and c.accountcode = " + session_.literal(scope_.account);
    const auto since =
        scope_.since ? fmt::format(" and c.calldate >= to_timestamp({})", scope_.since->time_since_epoch().count())
                     : "";
    session_.execute(fmt::format(audited_rows, fmt::arg("last", last_row_), fmt::arg("since", since),
                                 fmt::arg("account", account), fmt::arg("leg", scope_.naming.leg("c.recordingfile"))));
}

void LegAudit::add_files(const char* table, const std::function<void(const AddFile&)>& list) {
    session_.copy(table, [&](const db::BulkSession::AddLine& add_line) {
        list([&](const ListedFile& file) {
            // A name that is not UTF-8 cannot be in a row.
            if (is_utf8(file.name) && file.name.find('\0') == std::string_view::npos)
                add_line(fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", db::copy_escaped(file.name), file.size,
                                     file.modified.time_since_epoch().count(),
                                     file.seconds ? fmt::format("{}", *file.seconds) : "\\N", file.cut ? 't' : 'f',
                                     file.twice ? 't' : 'f', file.channels, file.heard, file.md5));
        });
    });
    session_.execute(fmt::format("analyze {}", table));
}

void LegAudit::add_local_files(const std::function<void(const AddFile&)>& list) {
    add_files("pbx_audit_local", list);
}

void LegAudit::add_remote_files(const std::function<void(const AddFile&)>& list) {
    add_files("pbx_audit_remote", list);
}

void LegAudit::compare(const FindDiffering& find_differing, const Decide& decide) {
    // Legs shorter than `least` seconds may be silent, and `slack` seconds may be missing: pbx-archive(1) states both.
    constexpr int least = 2;
    // Between 8 and 9 of 32,768, in dB: A-law has no zero, and is silent within 8.
    constexpr double quiet = -71.7;
    constexpr int slack = 3;
    session_.execute(fmt::format(recent_calls, fmt::arg("patience", scope_.patience.count())));
    session_.execute(fmt::format(ambiguous_legs,
                                 fmt::arg("claimed_by_others", claimed_by_others("leg.recordingfile", "leg.account"))));
    session_.execute(fmt::format(found_files, fmt::arg("least", least), fmt::arg("quiet", quiet)));
    const auto known = scope_.since
                           ? fmt::format(not_named_earlier, fmt::arg("since", scope_.since->time_since_epoch().count()),
                                         fmt::arg("named", scope_.naming.names("o.recordingfile", "r.recordingfile")))
                           : std::string{};
    session_.execute(fmt::format(talk_times, fmt::arg("known", known)));
    session_.execute("analyze pbx_audit_files, pbx_audit_recent, pbx_audit_ambiguous, pbx_audit_talk");
    mark_differing(find_differing);
    session_.execute(fmt::format(judged_legs, fmt::arg("slack", slack)));
    session_.execute("analyze pbx_audit_legs");
    decide_policy(decide);
    find_orphans();
}

void LegAudit::find_orphans() {
    const auto since = scope_.since.value_or(std::chrono::sys_seconds{}).time_since_epoch().count();
    if (scope_.account.empty())
        session_.execute(fmt::format(orphans, fmt::arg("since", since),
                                     fmt::arg("named", scope_.naming.names("c.recordingfile", "f.name"))));
    else
        session_.execute(no_orphans);
}

void LegAudit::mark_differing(const FindDiffering& find_differing) {
    session_.execute("create temporary table pbx_audit_differing (name text)");
    std::vector<std::string> names;
    session_.for_each_row(
        std::string{"select name from pbx_audit_files f where local is not null and remote is not null"} +
            (scope_.account.empty() ? "" : of_own_rows),
        [&](const db::BulkRow& row) { names.push_back(row.text(0)); },
        [&] {
            const auto different = find_differing(std::exchange(names, {}));
            session_.copy("pbx_audit_differing", [&](const auto& add_line) {
                for (const auto& name : different)
                    add_line(db::copy_escaped(name) + "\n");
            });
        });
    session_.execute("update pbx_audit_files f set differs = true from pbx_audit_differing d where d.name = f.name");
}

void LegAudit::for_each_row(const std::function<void(const AuditedRow&)>& each) {
    session_.for_each_row(rows_with_legs, [&](const db::BulkRow& row) {
        each({row.number(0), time_of(row, 1), row.text(2), row.text(3), text_or_nothing(row, 4), row.text(5),
              FoundLeg{row.size(6), row.size(7), row.text(8), row.real(9), row.text(10)}, row.real(11)});
    });
}

void LegAudit::for_each_orphan(const std::function<void(const Orphan&)>& each) {
    session_.for_each_row(orphans_by_name, [&](const db::BulkRow& row) {
        each({row.text(0), FoundLeg{row.size(1), row.size(2), row.text(3), row.real(4), row.text(5)}, row.text(6),
              text_or_nothing(row, 7), row.text(8), row.text(9), row.text(10)});
    });
}

} // namespace pbx::cdr

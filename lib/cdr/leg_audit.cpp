// The listings go in with COPY, one join compares them with the rows, and cursors return the result.
#include "cdr/leg_audit.hpp"

#include "base/deadline.hpp"
#include "base/name.hpp"
#include "cdr/legs.hpp"
#include "db/session.hpp"

#include <fmt/format.h>

#include <memory>

namespace pbx::cdr {

namespace {

constexpr const char* action = "audit the legs";
constexpr std::size_t batch = 2000;

// A leg of at most so many bytes is a header without audio: 44 bytes in Asterisk's wav, 60 in its WAV49.
constexpr int largest_empty = 60;

// The rows in question, with their call, and the files found for them. Times are limited as in legs.cpp.
constexpr const char* audited_rows = R"(
    create temporary view pbx_audit_rows as
    select c.id, t.calldate, coalesce(c.linkedid, '') as linkedid, coalesce(c.accountcode, '') as account,
        c.recordingfile, c.disposition, c.dcontext, c.dst,
        t.calldate + coalesce(c.duration, 0) * interval '1 second' as ended
    from asterisk_cdr c cross join lateral (
        select least(greatest(c.calldate, to_timestamp(0)), to_timestamp(253370764800)) as calldate) t
    where c.id <= {last} and c.calldate >= to_timestamp({since}){account})";

constexpr const char* found_files = R"(
    create temporary table pbx_audit_files as
    select name, l.size as local, r.size as remote, greatest(l.modified, r.modified) as modified, false as differs
    from pbx_audit_local l full join pbx_audit_remote r using (name))";

// The calls of which another node may still hold a leg; computed once, so that rows and summary agree.
constexpr const char* recent_calls = R"(
    create temporary table pbx_audit_recent as
    select distinct linkedid, account from pbx_audit_rows where ended > now() - {patience} * interval '1 second')";

// The rows of all accounts and times decide, whatever account and time are audited.
constexpr const char* ambiguous_legs = R"(
    create temporary table pbx_audit_ambiguous as
    select recordingfile, account
    from (select distinct recordingfile, account from pbx_audit_rows where recordingfile <> '') leg
    where {named_by_others})";

constexpr const char* rows_with_files = R"(
    declare pbx_audit no scroll cursor for
    select c.id, cast(floor(extract(epoch from c.calldate)) as bigint), c.linkedid, c.account, c.recordingfile,
        f.local, f.remote, cast(n.linkedid is not null as int),
        cast(a.recordingfile is not null as int), cast(coalesce(f.differs, false) as int)
    from pbx_audit_rows c left join pbx_audit_files f on f.name = c.recordingfile
        left join pbx_audit_ambiguous a on a.recordingfile = c.recordingfile and a.account = c.account
        left join pbx_audit_recent n on n.linkedid = c.linkedid and n.account = c.account
    where c.recordingfile <> ''
    order by a.recordingfile is null, c.calldate, c.id)";

// The name of a file that no row names may show whose it is: time, caller and the number that was called, then perhaps
// the node's name and a unique id. DIDs are unique; an extension or a queue counts only when one organization alone has
// it. Files of the last hour are left out, since rows are written when a call ends.
constexpr const char* orphans = R"(
    create temporary table pbx_audit_orphans as
    with orphan as (
        select f.*, substring(f.name from '^\d{{8}}-\d{{6}}-[0-9A-Za-z]+-(?:queue-)?([0-9A-Za-z]+)'
            '(?:-[a-z0-9]{{1,16}})?(?:-[0-9.]+)?\.[A-Za-z]+$') as called
        from pbx_audit_files f
        where f.modified < extract(epoch from now()) - 3600 and f.modified >= {since}
            and not exists (select 1 from asterisk_cdr c where c.recordingfile = f.name)
    ), owner as (
        select number, min(cast(org_id as text)) as account from (
            select number, org_id from did_numbers
            union select number, org_id from queues
            union select extension, org_id from users) n
        group by number having count(*) = 1
    )
    select o.name, o.local, o.remote, o.differs, coalesce(w.account, '') as account
    from orphan o left join owner w on w.number = o.called)";

// Policy is set per point: a row passed the point that its context and number name. A number that an extension dialled
// and that is not an extension went out over a route.
constexpr const char* summary_query = R"(
    with organization as (
        select id, cast(id as text) as account, name, context_prefix as prefix,
            settings -> 'recording_enabled' is distinct from 'false'::jsonb as master, status
        from organizations
    ), point as (
        select o.account, p.context, p.number, bool_or(p.recorded and o.master) as recorded
        from organization o join (
            select org_id, '__incoming' as context, number, recording_enabled is distinct from false as recorded
                from did_numbers
            union all select org_id, '__incoming_sub', number, recording_enabled is distinct from false
                from did_numbers
            union all select org_id, '__queue', number, recording_enabled is distinct from false from queues
            union all select org_id, '__internal', extension, recording_enabled is distinct from false from users
        ) p on p.org_id = o.id
        group by 1, 2, 3
    ), route as (
        select o.account, bool_or(o.master and r.recording_enabled is distinct from false) as recorded
        from organization o join outbound_routes r on r.org_id = o.id where r.status = 'active' group by 1
    ), passed as (
        select c.linkedid, c.account, c.disposition = 'ANSWERED' as answered, c.recordingfile <> '' as named,
            coalesce(p.recorded,
                case when right(c.dcontext, 10) in ('__internal', '__outbound') then t.recorded end, false) as policy
        from pbx_audit_rows c
            left join organization o on o.account = c.account
            left join point p on p.account = c.account and c.dcontext = o.prefix || p.context and p.number = c.dst
            left join route t on t.account = c.account
    ), call as (
        select account, linkedid, coalesce(bool_or(answered), false) and bool_or(policy) as due,
            coalesce(bool_or(named), false) as named
        from passed group by 1, 2
    ), calls as (
        select account, count(*) filter (where due) as due, count(*) filter (where due and not named) as unrecorded
        from call group by 1
    ), leg as (
        select r.account, r.recordingfile, bool_or(n.linkedid is not null) as recent
        from pbx_audit_rows r left join pbx_audit_recent n using (linkedid, account)
        where r.recordingfile <> '' group by 1, 2
    ), placed as (
        select leg.account, coalesce(f.local, f.remote) as size,
            case when a.recordingfile is not null then 'ambiguous' when f.differs then 'differs'
                when f.local is not null and f.remote is not null then 'both' when f.local is not null then 'local'
                when f.remote is not null then 'remote' when leg.recent then 'awaited' else 'missing' end as state
        from leg left join pbx_audit_files f on f.name = leg.recordingfile
            left join pbx_audit_ambiguous a on a.recordingfile = leg.recordingfile and a.account = leg.account
    ), legs as (
        select account, count(*) as legs,
            count(*) filter (where state = 'ambiguous') as ambiguous, count(*) filter (where state = 'differs') as differs,
            count(*) filter (where state = 'local') as local, count(*) filter (where state = 'remote') as remote,
            count(*) filter (where state = 'both') as both, count(*) filter (where state = 'awaited') as awaited,
            count(*) filter (where state = 'missing') as missing, count(*) filter (where size <= {empty}) as empty,
            coalesce(sum(size), 0) as bytes
        from placed group by 1
    ), stray as (
        select account, count(*) as orphans from pbx_audit_orphans group by 1
    ), known as (
        select account from organization where status <> 'deleted'{only}
        union select account from calls union select account from legs union select account from stray
    )
    select k.account, coalesce(o.name, ''), coalesce(c.due, 0), coalesce(c.unrecorded, 0), coalesce(l.legs, 0),
        coalesce(l.ambiguous, 0), coalesce(l.differs, 0), coalesce(l.local, 0), coalesce(l.remote, 0),
        coalesce(l.both, 0), coalesce(l.awaited, 0), coalesce(l.missing, 0), coalesce(l.empty, 0),
        cast(coalesce(l.bytes, 0) as bigint), coalesce(s.orphans, 0)
    from known k left join organization o using (account) left join calls c using (account)
        left join legs l using (account) left join stray s using (account)
    order by o.name collate "C" nulls last, k.account collate "C")";

struct ClearResult {
    void operator()(PGresult* result) const { PQclear(result); }
};
using QueryResult = std::unique_ptr<PGresult, ClearResult>;

[[noreturn]] void fail(PGconn* connection, const PGresult* result) {
    const char* state = result != nullptr ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
    throw db::sql_error(action, state != nullptr ? state : "", PQerrorMessage(connection));
}

QueryResult execute(soci::session& session, const std::string& sql) {
    const WaitingFor waiting{"the database", Exit::unavailable};
    auto* connection = db::connection(session);
    QueryResult answer{PQexec(connection, sql.c_str())};
    const auto status = PQresultStatus(answer.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN)
        fail(connection, answer.get());
    return answer;
}

std::string literal(soci::session& session, const std::string& text) {
    auto* connection = db::connection(session);
    const std::unique_ptr<char, decltype(&PQfreemem)> quoted{PQescapeLiteral(connection, text.data(), text.size()),
                                                             &PQfreemem};
    if (!quoted)
        throw Error{Exit::usage, "\"" + shown(text) + "\" is not an account code"};
    return quoted.get();
}

// COPY's text format. A name that is not UTF-8 cannot be in a row.
std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '\\')
            result += "\\\\";
        else if (c == '\n')
            result += "\\n";
        else if (c == '\r')
            result += "\\r";
        else if (c == '\t')
            result += "\\t";
        else
            result += c;
    }
    return result;
}

std::int64_t number(const PGresult* result, int row, int column) {
    return std::strtoll(PQgetvalue(result, row, column), nullptr, 10);
}

bool flag(const PGresult* result, int row, int column) {
    return number(result, row, column) != 0;
}

std::optional<std::uint64_t> size(const PGresult* result, int row, int column) {
    if (PQgetisnull(result, row, column) != 0)
        return std::nullopt;
    return static_cast<std::uint64_t>(number(result, row, column));
}

std::string text(const PGresult* result, int row, int column) {
    return {PQgetvalue(result, row, column), static_cast<std::size_t>(PQgetlength(result, row, column))};
}

// Rows for a table, in COPY's text format.
class CopyIn {
  public:
    CopyIn(soci::session& session, const std::string& table) : connection_{db::connection(session)} {
        execute(session, fmt::format("copy {} from stdin", table));
    }

    void add(const std::string& line) {
        constexpr std::size_t enough = 65536;
        pending_ += line;
        if (pending_.size() > enough)
            send();
    }

    void finish() {
        send();
        if (PQputCopyEnd(connection_, nullptr) != 1)
            fail(connection_, nullptr);
        while (const QueryResult answer{PQgetResult(connection_)})
            if (PQresultStatus(answer.get()) != PGRES_COMMAND_OK)
                fail(connection_, answer.get());
    }

  private:
    void send() {
        if (!pending_.empty() && PQputCopyData(connection_, pending_.data(), static_cast<int>(pending_.size())) != 1)
            fail(connection_, nullptr);
        pending_.clear();
    }

    PGconn* connection_;
    std::string pending_;
};

void for_each(soci::session& session, const std::string& cursor,
              const std::function<void(const PGresult*, int)>& each) {
    for (;;) {
        const auto answer = execute(session, fmt::format("fetch forward {} from {}", batch, cursor));
        const int rows = PQntuples(answer.get());
        if (rows == 0)
            return;
        for (int row = 0; row < rows; ++row)
            each(answer.get(), row);
    }
}

} // namespace

const char* AuditedRow::state() const {
    if (ambiguous)
        return "ambiguous";
    if (found.local && found.remote)
        return found.differs ? "differs" : "both";
    if (found.local)
        return "local";
    if (found.remote)
        return "remote";
    return may_still_arrive ? "awaited" : "missing";
}

LegAudit::LegAudit(soci::session& session, std::chrono::sys_seconds since, std::string account,
                   std::chrono::seconds patience)
    : session_{session}, since_{since}, account_{std::move(account)}, patience_{patience} {
    execute(session_, "set client_encoding = 'UTF8'");
    const auto answer = execute(session_, "select coalesce(max(id), 0) from asterisk_cdr");
    last_row_ = number(answer.get(), 0, 0);
    execute(session_, "create temporary table pbx_audit_local (name text, size bigint, modified bigint)");
    execute(session_, "create temporary table pbx_audit_remote (name text, size bigint, modified bigint)");
}

void LegAudit::add_files(const char* table, const std::function<void(const AddFile&)>& list) {
    CopyIn rows{session_, table};
    list([&](std::string_view name, std::uint64_t bytes, std::chrono::sys_seconds modified) {
        if (is_utf8(name) && name.find('\0') == std::string_view::npos)
            rows.add(fmt::format("{}\t{}\t{}\n", escaped(name), bytes, modified.time_since_epoch().count()));
    });
    rows.finish();
}

void LegAudit::add_local_files(const std::function<void(const AddFile&)>& list) {
    add_files("pbx_audit_local", list);
}

void LegAudit::add_remote_files(const std::function<void(const AddFile&)>& list) {
    add_files("pbx_audit_remote", list);
}

void LegAudit::compare(const FindDiffering& find_differing) {
    const auto since = since_.time_since_epoch().count();
    execute(session_,
            fmt::format(audited_rows, fmt::arg("last", last_row_), fmt::arg("since", since),
                        fmt::arg("account", account_.empty() ? std::string{}
                                                             : " and c.accountcode = " + literal(session_, account_))));
    execute(session_, fmt::format(recent_calls, fmt::arg("patience", patience_.count())));
    execute(session_, fmt::format(ambiguous_legs,
                                  fmt::arg("named_by_others", named_by_others("leg.recordingfile", "leg.account"))));
    execute(session_, found_files);
    execute(session_, "analyze pbx_audit_files, pbx_audit_recent, pbx_audit_ambiguous");
    mark_differing(find_differing);
    if (account_.empty())
        execute(session_, fmt::format(orphans, fmt::arg("since", since)));
    else
        execute(session_, "create temporary table pbx_audit_orphans (name text, local bigint, remote bigint, "
                          "differs boolean, account text)");
}

void LegAudit::mark_differing(const FindDiffering& find_differing) {
    execute(session_, "create temporary table pbx_audit_differing (name text)");
    std::vector<std::string> names;
    const auto compare_names = [&] {
        if (names.empty())
            return;
        const auto different = find_differing(names);
        names.clear();
        CopyIn rows{session_, "pbx_audit_differing"};
        for (const auto& name : different)
            rows.add(escaped(name) + "\n");
        rows.finish();
    };
    execute(session_, "begin");
    execute(session_, "declare pbx_both no scroll cursor for select name from pbx_audit_files "
                      "where local is not null and remote is not null");
    for_each(session_, "pbx_both", [&](const PGresult* result, int row) {
        names.push_back(text(result, row, 0));
        if (names.size() == batch)
            compare_names();
    });
    compare_names();
    execute(session_, "commit");
    execute(session_, "update pbx_audit_files f set differs = true from pbx_audit_differing d where d.name = f.name");
}

void LegAudit::for_each_row(const std::function<void(const AuditedRow&)>& each) {
    execute(session_, "begin");
    execute(session_, rows_with_files);
    for_each(session_, "pbx_audit", [&](const PGresult* result, int row) {
        each({number(result, row, 0),
              std::chrono::sys_seconds{std::chrono::seconds{number(result, row, 1)}},
              text(result, row, 2),
              text(result, row, 3),
              text(result, row, 4),
              {size(result, row, 5), size(result, row, 6), flag(result, row, 9)},
              flag(result, row, 7),
              flag(result, row, 8)});
    });
    execute(session_, "commit");
}

void LegAudit::for_each_orphan(const std::function<void(const Orphan&)>& each) {
    execute(session_, "begin");
    execute(session_, "declare pbx_orphans no scroll cursor for select name, local, remote, "
                      "cast(differs as int), account from pbx_audit_orphans order by name collate \"C\"");
    for_each(session_, "pbx_orphans", [&](const PGresult* result, int row) {
        each({text(result, row, 0),
              {size(result, row, 1), size(result, row, 2), flag(result, row, 3)},
              text(result, row, 4)});
    });
    execute(session_, "commit");
}

std::vector<AccountSummary> LegAudit::summary() {
    const auto only = account_.empty() ? std::string{} : " and account = " + literal(session_, account_);
    const auto answer =
        execute(session_, fmt::format(summary_query, fmt::arg("empty", largest_empty), fmt::arg("only", only)));
    std::vector<AccountSummary> result;
    for (int row = 0; row < PQntuples(answer.get()); ++row) {
        const auto n = [&](int column) { return number(answer.get(), row, column); };
        result.push_back({text(answer.get(), row, 0), text(answer.get(), row, 1), n(2), n(3), n(4), n(5), n(6), n(7),
                          n(8), n(9), n(10), n(11), n(12), n(13), n(14)});
    }
    return result;
}

} // namespace pbx::cdr

// Which calls policy wanted recorded, and what became of them.
#include "cdr/leg_audit.hpp"

#include <fmt/format.h>

namespace pbx::cdr {

namespace {

// A DID and a queue answer by themselves: where they are recorded, a recorder ran in every answered call. An extension
// and a route are recorded only if their own row was answered. A call that began before the window belongs to an
// earlier one. Verdicts are in the order of their gravity: the first of a call's legs speaks for the call. Without an
// answer to the question for consent, a call is recorded unless the mode is opt_in.
constexpr const char* due_calls = R"(
    create temporary table pbx_audit_calls as
    select account, linkedid, call, first,
        case when not named and declined then 'declined' when not named then 'unrecorded' else (array['ambiguous', 'missing', 'differs', 'empty', 'silent', 'cut',
            'one-sided', 'short', 'awaited', 'unjudged', 'sound'])[gravity] end as verdict
    from (
        select r.account, r.call, min(r.linkedid) as linkedid,
            (array_agg(r.id order by r.calldate, r.sequence, r.id))[1] as first, bool_or(r.answered) as answered,
            bool_or(p.account is not null and (r.answered or p.answers)) as wanted,
            bool_or(r.recordingfile <> '') as named,
            coalesce(bool_or(r.consent = 'declined') or (bool_or(r.consent = 'no-answer') and bool_or(p.opt_in)), false)
                and not coalesce(bool_or(r.consent in ('announced', 'granted', 'external')), false) as declined,
            min(case l.verdict when 'ambiguous' then 1 when 'missing' then 2 when 'differs' then 3 when 'empty' then 4
                when 'silent' then 5 when 'cut' then 6 when 'one-sided' then 7 when 'short' then 8 when 'awaited' then 9
                when 'unjudged' then 10 when 'paused' then 11 when 'sound' then 11 end) as gravity
        from pbx_audit_rows r
            left join pbx_audit_policy p on p.account = r.account and p.dcontext = r.dcontext and p.dst = r.dst
            left join pbx_audit_legs l on l.account = r.account and l.recordingfile = r.recordingfile
        group by 1, 2
    ) due
    where answered and wanted{since})";

constexpr const char* began_in_window = R"(
    and not exists (select from asterisk_cdr o where o.linkedid = due.call
        and coalesce(o.accountcode, '') = due.account and o.calldate < to_timestamp({since})))";

constexpr const char* faulty_calls = R"(
    select c.linkedid, c.account, o.name, cast(floor(extract(epoch from f.calldate)) as bigint), f.src, f.dst, c.verdict
    from pbx_audit_calls c
        join (
            select id, least(greatest(calldate, to_timestamp(0)), to_timestamp(253370764800)) as calldate,
                coalesce(src, '') as src, coalesce(dst, '') as dst
            from asterisk_cdr) f on f.id = c.first
        left join organizations o on cast(o.id as text) = c.account
    where c.verdict <> 'sound'
    order by f.calldate, c.linkedid collate "C", c.account collate "C")";

constexpr const char* summary_query = R"(
    with counted as (
        select account, count(*) as rows from pbx_audit_rows group by 1
    ), calls as (
        select account, count(*) filter (where verdict <> 'declined') as calls,
            count(*) filter (where verdict = 'declined') as declined,
            count(*) filter (where verdict = 'sound') as sound,
            count(*) filter (where verdict = 'unrecorded') as unrecorded,
            count(*) filter (where verdict = 'awaited') as pending,
            count(*) filter (where verdict = 'unjudged') as unproven
        from pbx_audit_calls group by 1
    ), legs as (
        select account, count(*) as legs,
            count(*) filter (where state = 'ambiguous') as ambiguous, count(*) filter (where state = 'differs') as differs,
            count(*) filter (where state = 'local') as local, count(*) filter (where state = 'remote') as remote,
            count(*) filter (where state = 'both') as both, count(*) filter (where state = 'awaited') as awaited,
            count(*) filter (where state = 'missing') as missing,
            count(*) filter (where worth = 'empty') as empty, count(*) filter (where worth = 'paused') as paused,
            count(*) filter (where worth = 'silent') as silent, count(*) filter (where worth = 'cut') as cut, count(*) filter (where worth = 'one-sided') as one_sided,
            count(*) filter (where worth = 'short') as short, count(*) filter (where worth = 'unjudged') as unjudged,
            sum(coalesce(local, remote)) as bytes
        from pbx_audit_legs group by 1
    ), stray as (
        select account, count(*) as orphans from pbx_audit_orphans group by 1
    ), known as (
        select cast(id as text) as account from organizations where status <> 'deleted'{only}
        union select account from counted union select account from stray
    )
    select k.account, o.name, r.rows, c.calls, c.sound, c.unrecorded, c.pending, c.unproven, c.declined, l.legs,
        l.ambiguous,
        l.differs, l.local, l.remote, l.both, l.awaited, l.missing, l.empty, l.paused, l.silent, l.cut, l.one_sided,
        l.short, l.unjudged, s.orphans, l.bytes
    from known k left join organizations o on cast(o.id as text) = k.account left join counted r using (account)
        left join calls c using (account) left join legs l using (account) left join stray s using (account)
    order by o.name collate "C" nulls last, k.account collate "C")";

AccountSummary summary_of(const db::BulkRow& row) {
    AccountSummary sum;
    sum.account = row.text(0);
    if (!row.is_null(1))
        sum.organization = row.text(1);
    int column = 2;
    for (auto* count : {&sum.rows,     &sum.calls,     &sum.sound,     &sum.unrecorded, &sum.pending, &sum.unproven,
                        &sum.declined, &sum.legs,      &sum.ambiguous, &sum.differs,    &sum.local,   &sum.remote,
                        &sum.both,     &sum.awaited,   &sum.missing,   &sum.empty,      &sum.paused,  &sum.silent,
                        &sum.cut,      &sum.one_sided, &sum.too_short, &sum.unjudged,   &sum.orphans, &sum.bytes})
        *count = row.number(column++);
    sum.faulty = sum.calls - sum.sound - sum.unrecorded - sum.pending - sum.unproven;
    return sum;
}

} // namespace

void LegAudit::decide_policy(const Decide& decide) {
    session_.execute("create temporary table pbx_audit_policy (account text, dcontext text, dst text, answers boolean, "
                     "opt_in boolean)");
    std::string lines;
    session_.for_each_row(
        "select distinct account, dcontext, dst from pbx_audit_rows",
        [&](const db::BulkRow& row) {
            const auto account = row.text(0);
            const auto context = row.text(1);
            const auto number = row.text(2);
            if (const auto policy = decide(account, context, number); policy.recorded)
                lines += fmt::format("{}\t{}\t{}\t{}\t{}\n", db::copy_escaped(account), db::copy_escaped(context),
                                     db::copy_escaped(number), policy.answers ? 't' : 'f', policy.opt_in ? 't' : 'f');
        },
        [&] {
            session_.copy("pbx_audit_policy", [&](const auto& add_line) { add_line(lines); });
            lines.clear();
        });
    session_.execute("analyze pbx_audit_policy");
    const auto since = scope_.since
                           ? fmt::format(began_in_window, fmt::arg("since", scope_.since->time_since_epoch().count()))
                           : std::string{};
    session_.execute(fmt::format(due_calls, fmt::arg("since", since)));
    session_.execute("analyze pbx_audit_calls");
}

void LegAudit::for_each_faulty_call(const std::function<void(const FaultyCall&)>& each) {
    session_.for_each_row(faulty_calls, [&](const db::BulkRow& row) {
        each({row.text(0), row.text(1), row.is_null(2) ? std::nullopt : std::optional{row.text(2)},
              std::chrono::sys_seconds{std::chrono::seconds{row.number(3)}}, row.text(4), row.text(5), row.text(6)});
    });
}

std::vector<AccountSummary> LegAudit::summary() {
    const auto only =
        scope_.account.empty() ? std::string{} : " and cast(id as text) = " + session_.literal(scope_.account);
    const auto answer = session_.execute(fmt::format(summary_query, fmt::arg("only", only)));
    const int rows = PQntuples(answer.get());
    std::vector<AccountSummary> result;
    result.reserve(static_cast<std::size_t>(rows));
    for (int row = 0; row < rows; ++row)
        result.push_back(summary_of({answer.get(), row}));
    return result;
}

} // namespace pbx::cdr

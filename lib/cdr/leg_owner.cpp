// The owner is the only account that claims the leg; rows without an account claim nothing.
#include "cdr/leg_owner.hpp"

#include "base/deadline.hpp"
#include "base/name.hpp"
#include "db/session.hpp"

#include <fmt/format.h>

namespace pbx::cdr {

namespace {

// A row of the owner; or where none of its rows names the leg, any row that does; or of a leg that two accounts claim
// and none names, any row that claims it. The facts of an archived leg claim it too (legs.hpp). Without ORDER BY: a
// sort would read all of them. Times are limited as in legs.cpp.
constexpr const char* owner_of_leg = R"(
    with accounts as (
        select least(r.least, f.accountcode) as least, greatest(r.greatest, f.accountcode) as greatest
        from (select min(accountcode) as least, max(accountcode) as greatest
              from asterisk_cdr where {claims} and accountcode > '') r
            left join recordings f on f.shelf = 'legs' and f.name = :leg and f.accountcode > ''
    ), named as (
        (select c.*, true as is_owners from asterisk_cdr c, accounts
         where {names} and c.accountcode = accounts.least limit 1)
        union all
        (select c.*, accounts.least is null as is_owners from asterisk_cdr c, accounts where {names} limit 1)
        union all
        (select c.*, false as is_owners from asterisk_cdr c, accounts
         where {claimed} and accounts.least <> accounts.greatest limit 1)
        limit 1
    ), timed as (
        select coalesce(linkedid, '') as linkedid, duration, {day} as day, is_owners,
            least(greatest(calldate, to_timestamp(0)), to_timestamp(253370764800)) as calldate
        from named
    )
    select linkedid, coalesce(least, ''), cast(coalesce(least <> greatest, false) or not is_owners as int),
           cast(floor(extract(epoch from calldate)) as bigint),
           cast(ceil(extract(epoch from calldate)) + coalesce(duration, 0) as bigint),
           cast(case when :account = '' then least is null
                else exists (select from asterisk_cdr c where {names} and c.accountcode = :account)
                end as int), coalesce(day, '')
    from timed, accounts)";

} // namespace

std::optional<LegOwner> find_owner(soci::session& session, const db::LegNaming& naming, const std::string& leg,
                                   const std::optional<std::string>& account) {
    if (!is_utf8(leg))
        return std::nullopt; // the database holds only text
    LegOwner owner;
    long long started = 0;
    long long ended = 0;
    int ambiguous = 0;
    int is_of_account = 0;
    const auto wanted = account && is_utf8(*account) ? *account : std::string{};
    std::string day;
    const auto query = fmt::format(owner_of_leg, fmt::arg("claims", db::LegNaming::claims("recordingfile", ":leg")),
                                   fmt::arg("claimed", db::LegNaming::claims("c.recordingfile", ":leg")),
                                   fmt::arg("names", naming.names("c.recordingfile", ":leg")),
                                   fmt::arg("day", naming.day("recordingfile")));
    const WaitingFor waiting{"the database", Exit::unavailable};
    db::guarded("read the owner of the leg", [&] {
        session << query, soci::use(leg, "leg"), soci::use(wanted, "account"), soci::into(owner.call.linkedid),
            soci::into(owner.call.accountcode), soci::into(ambiguous), soci::into(started), soci::into(ended),
            soci::into(is_of_account), soci::into(day);
    });
    if (!session.got_data())
        return std::nullopt;
    owner.call.legs = {leg};
    if (is_day_folder(day))
        owner.call.days.emplace(leg, day);
    if (ambiguous != 0)
        owner.call.ambiguous = {leg};
    owner.call.started = std::chrono::sys_seconds{std::chrono::seconds{started}};
    owner.call.ended = std::chrono::sys_seconds{std::chrono::seconds{ended}};
    owner.is_of_account = !account || (is_utf8(*account) && is_of_account != 0);
    return owner;
}

} // namespace pbx::cdr

// The owner is the only account that names the leg; rows without an account claim nothing.
#include "cdr/leg_owner.hpp"

#include "base/deadline.hpp"
#include "base/name.hpp"
#include "db/session.hpp"

namespace pbx::cdr {

namespace {

// Without ORDER BY in `named`: any row of the owner will do, and a sort would read all of them. Times are limited as in
// legs.cpp.
constexpr const char* owner_of_leg = R"(
    with accounts as (
        select min(accountcode) as least, max(accountcode) as greatest
        from asterisk_cdr where recordingfile = :leg and accountcode > ''
    ), named as (
        select coalesce(c.linkedid, '') as linkedid, c.duration,
            least(greatest(c.calldate, to_timestamp(0)), to_timestamp(253370764800)) as calldate
        from asterisk_cdr c, accounts
        where c.recordingfile = :leg and (accounts.least is null or c.accountcode = accounts.least) limit 1
    )
    select linkedid, coalesce(least, ''), cast(coalesce(least <> greatest, false) as int),
           cast(floor(extract(epoch from calldate)) as bigint),
           cast(ceil(extract(epoch from calldate)) + coalesce(duration, 0) as bigint),
           cast(case when :account = '' then least is null
                else exists (select from asterisk_cdr o where o.recordingfile = :leg and o.accountcode = :account)
                end as int)
    from named, accounts)";

} // namespace

std::optional<LegOwner> find_owner(soci::session& session, const std::string& leg,
                                   const std::optional<std::string>& account) {
    if (!is_utf8(leg))
        return std::nullopt; // the database holds only text
    LegOwner owner;
    long long started = 0;
    long long ended = 0;
    int ambiguous = 0;
    int is_of_account = 0;
    const auto wanted = account && is_utf8(*account) ? *account : std::string{};
    const WaitingFor waiting{"the database", Exit::unavailable};
    db::guarded("read the owner of the leg", [&] {
        session << owner_of_leg, soci::use(leg, "leg"), soci::use(wanted, "account"), soci::into(owner.call.linkedid),
            soci::into(owner.call.accountcode), soci::into(ambiguous), soci::into(started), soci::into(ended),
            soci::into(is_of_account);
    });
    if (!session.got_data())
        return std::nullopt;
    owner.call.legs = {leg};
    if (ambiguous != 0)
        owner.call.ambiguous = {leg};
    owner.call.started = std::chrono::sys_seconds{std::chrono::seconds{started}};
    owner.call.ended = std::chrono::sys_seconds{std::chrono::seconds{ended}};
    owner.is_of_account = !account || (is_utf8(*account) && is_of_account != 0);
    return owner;
}

} // namespace pbx::cdr

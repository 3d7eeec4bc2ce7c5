#include "cdr/linkedid_claims.hpp"

#include "base/deadline.hpp"
#include "db/session.hpp"

namespace pbx::cdr {

namespace {

constexpr const char* claims_of_others = R"(
    select cast(exists (
        select from asterisk_cdr where linkedid = :linkedid and coalesce(accountcode, '') <> :account
            and (accountcode > '' or recordingfile > '')) as int))";

} // namespace

bool is_claimed_by_others(soci::session& session, const std::string& linkedid, const std::string& account) {
    int claimed = 1;
    const WaitingFor waiting{"the database", Exit::unavailable};
    db::guarded("read the accounts of the call", [&] {
        session << claims_of_others, soci::use(linkedid, "linkedid"), soci::use(account, "account"),
            soci::into(claimed);
    });
    return claimed != 0;
}

} // namespace pbx::cdr

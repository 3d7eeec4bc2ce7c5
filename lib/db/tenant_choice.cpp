// An accountcode is an organization's id, but rows of organizations that are gone keep theirs.
#include "db/tenant_choice.hpp"

#include "base/deadline.hpp"
#include "base/error.hpp"
#include "base/name.hpp"
#include "db/organization_lookup.hpp"
#include "db/session.hpp"

#include <fmt/format.h>

#include <vector>

namespace pbx::db {

namespace {

struct Named {
    std::string id, name, prefix;
};

std::vector<Named> read_organizations(soci::session& session) {
    const WaitingFor waiting{"the database", Exit::unavailable};
    return guarded("read the organizations", [&] {
        std::vector<Named> all;
        Named each;
        soci::statement statement =
            (session.prepare << "select cast(id as text), name, context_prefix from organizations", soci::into(each.id),
             soci::into(each.name), soci::into(each.prefix));
        statement.execute();
        while (statement.fetch())
            all.push_back(each);
        return all;
    });
}

} // namespace

void require_agreement(const TenantChoice& choice, const std::string& id) {
    if (!choice.organization.empty() && choice.account && *choice.account != id)
        throw Error{Exit::usage,
                    fmt::format("--org {} and --account {} name different tenants", shown(choice.organization),
                                shown(*choice.account)),
                    "give one of them; an accountcode is an organization's id"};
}

std::optional<std::string> chosen_account(soci::session& session, const TenantChoice& choice) {
    if (choice.organization.empty())
        return choice.account;
    const auto all = read_organizations(session);
    std::vector<OrganizationKeys> keys;
    keys.reserve(all.size());
    for (const auto& each : all)
        keys.push_back({each.id, each.name, each.prefix});
    const auto& id = all[find_organization(keys, choice.organization)].id;
    require_agreement(choice, id);
    return id;
}

void require_known_account(soci::session& session, const std::string& account) {
    int known = 0;
    if (is_utf8(account) && account.find('\0') == std::string::npos) {
        const WaitingFor waiting{"the database", Exit::unavailable};
        guarded("look for the account", [&] {
            session << "select cast(exists (select from organizations where cast(id as text) = :account) or "
                       "exists (select from asterisk_cdr where accountcode = :account) as int)",
                soci::use(account, "account"), soci::into(known);
        });
    }
    if (known == 0)
        throw Error{Exit::no_input,
                    fmt::format("no organization and no CDR row has the accountcode \"{}\"", shown(account)),
                    "an accountcode is an organization's id; pbx-provision org list shows them"};
}

} // namespace pbx::db

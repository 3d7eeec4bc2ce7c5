// Three plain queries: the number of organizations and their trunks is small beside that of their calls.
#include "cdr/tenants.hpp"

#include "base/deadline.hpp"
#include "db/organization_lookup.hpp"
#include "db/session.hpp"

#include <functional>
#include <iterator>
#include <vector>

namespace pbx::cdr {

namespace {

// `sql` selects an organization's id and two texts.
void for_each_text(soci::session& session, const std::string& sql,
                   const std::function<void(const std::string&, const std::string&, const std::string&)>& each) {
    std::string id;
    std::string first;
    std::string second;
    soci::statement statement = (session.prepare << sql, soci::into(id), soci::into(first), soci::into(second));
    statement.execute();
    while (statement.fetch())
        each(id, first, second);
}

} // namespace

Tenants load_tenants(soci::session& session) {
    const WaitingFor waiting{"the database", Exit::unavailable};
    return db::guarded("read the organizations", [&] {
        Tenants tenants;
        for_each_text(session, "select cast(id as text), name, context_prefix from organizations",
                      [&](const auto& id, const auto& name, const auto& prefix) {
                          tenants[id].organization = name;
                          tenants[id].prefix = prefix;
                      });
        for_each_text(
            session,
            "select cast(org_id as text), asterisk_peer_name, '' from sip_trunks where asterisk_peer_name <> ''",
            [&](const auto& id, const auto& peer, const auto&) { tenants[id].trunks.insert(peer); });
        for_each_text(
            session,
            "select cast(org_id as text), asterisk_endpoint, extension from users where asterisk_endpoint <> ''",
            [&](const auto& id, const auto& endpoint, const auto& extension) {
                tenants[id].extensions[endpoint] = extension;
            });
        return tenants;
    });
}

std::string find_account(const Tenants& tenants, const std::string& wanted) {
    if (wanted.empty())
        return {};
    std::vector<db::OrganizationKeys> keys;
    keys.reserve(tenants.size());
    for (const auto& [account, names] : tenants)
        keys.push_back({account, names.organization, names.prefix});
    const auto index = db::find_organization(keys, wanted);
    return std::next(tenants.begin(), static_cast<std::ptrdiff_t>(index))->first;
}

} // namespace pbx::cdr

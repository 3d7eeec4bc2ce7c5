// All organizations are read: a number or name that is new in one must be free in the others.
#include "provision/provisioner.hpp"

#include "db/organization_lookup.hpp"
#include "db/organizations.hpp"
#include "dialplan/plan.hpp"

#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>

namespace pbx::provision {

using tenants::Organization;

Provisioner::Provisioner(const Context& context) : rules_{context.rules} {
    const Waiting waiting{"the database", Exit::unavailable};
    db::connect(session_, context.database, context.timeout);
    all_ = db::load_organizations(session_);
}

Organization& Provisioner::organization(const std::string& wanted) {
    return all_[db::find_organization(db::keys_of(all_), wanted)];
}

std::vector<const Organization*> Provisioner::chosen(const std::string& wanted) {
    if (!wanted.empty())
        return {&organization(wanted)};
    std::vector<const Organization*> result;
    result.reserve(all_.size());
    for (const auto& each : all_)
        result.push_back(&each);
    return result;
}

void Provisioner::attempt(Organization& organization, const std::function<void()>& change) {
    // A suspended organization is checked like one that is active: it may become so again.
    const auto status = std::exchange(organization.status, "active");
    attempt(change);
    organization.status = status;
}

void Provisioner::attempt(const std::function<void()>& change) {
    const auto before = dialplan::check(all_, rules_);
    change();
    const auto after = dialplan::check(all_, rules_);
    // A row that was left out before may be so for another reason now, which keeps nobody from correcting the first.
    // But what then stands in the way must not be what another row holds.
    std::map<std::string, bool> refused; // whether for a conflict
    for (const auto& refusal : before.refusals)
        refused[refusal.prefix + ' ' + refusal.row] = refusal.conflict;
    for (const auto& refusal : after.refusals)
        if (const auto found = refused.find(refusal.prefix + ' ' + refusal.row);
            found == refused.end() || (refusal.conflict && !found->second))
            throw Error{refusal.conflict ? Exit::data : Exit::usage,
                        fmt::format("{} is refused: {}", refusal.row, refusal.fault),
                        refusal.hint.empty() ? "pbx-provision(1) says what each text may hold" : refusal.hint};
    std::set<std::string> known;
    for (const auto& remark : before.remarks)
        known.insert(remark.words);
    for (const auto& remark : after.remarks)
        if (!known.contains(remark.words))
            words::warn("{}", remark.words);
}

void Provisioner::attempt(const Organization& added) {
    attempt([&] { all_.push_back(added); });
}

std::string Provisioner::insert_organization(const std::string& name, const std::string& prefix, bool recording) {
    const Waiting waiting{"the database", Exit::unavailable};
    std::string id;
    const std::string on = recording ? "true" : "false";
    db::guarded("add the organization", [&] {
        session_ << "insert into organizations (name, context_prefix, settings) values (:name, :prefix, "
                    "jsonb_build_object('recording_enabled', cast(:on as boolean))) returning cast(id as text)",
            soci::use(name), soci::use(prefix), soci::use(on), soci::into(id);
    });
    return id;
}

} // namespace pbx::provision

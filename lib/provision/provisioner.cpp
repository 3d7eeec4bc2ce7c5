// All organizations are read, since a name or number that is new in one of them must be free in the others.
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
    const WaitingFor waiting{"the database", Exit::unavailable};
    db::connect(session_, context.database, context.timeout);
    all_ = db::load_organizations(session_);
}

Organization& Provisioner::organization(const std::string& wanted) {
    return all_[db::find_organization(db::keys_of(all_), wanted)];
}

std::vector<const Organization*> Provisioner::organizations_to_list(const std::string& wanted) {
    if (!wanted.empty())
        return {&organization(wanted)};
    std::vector<const Organization*> result;
    result.reserve(all_.size());
    for (const auto& each : all_)
        result.push_back(&each);
    return result;
}

void Provisioner::try_change(Organization& organization, const std::function<void()>& change) {
    // A suspended organization is checked as if it were active, since it may be resumed.
    const auto status = std::exchange(organization.status, "active");
    try_change(change);
    organization.status = status;
}

void Provisioner::try_change(const std::function<void()>& change) {
    const auto before = dialplan::check(all_, rules_);
    change();
    const auto after = dialplan::check(all_, rules_);
    // A row that was left out before may be left out for another reason now, so that an operator can correct one fault
    // after the other. It must not conflict with other rows, though.
    std::map<std::string, bool> refused; // row -> whether for a conflict
    for (const auto& refusal : before.refusals)
        refused[refusal.prefix + ' ' + refusal.row] = refusal.conflict;
    for (const auto& refusal : after.refusals)
        if (const auto found = refused.find(refusal.prefix + ' ' + refusal.row);
            found == refused.end() || (refusal.conflict && !found->second))
            throw Error{refusal.conflict ? Exit::data : Exit::usage,
                        fmt::format("{} is refused: {}", refusal.row, refusal.fault),
                        refusal.hint.empty() ? "pbx-provision(1) lists what each text may hold" : refusal.hint};
    std::set<std::string> known;
    for (const auto& warning : before.warnings)
        known.insert(warning.message);
    for (const auto& warning : after.warnings)
        if (!known.contains(warning.message))
            log::warn("{}", warning.message);
}

void Provisioner::try_addition(const Organization& added) {
    try_change([&] { all_.push_back(added); });
}

std::string Provisioner::insert_organization(const std::string& name, const std::string& prefix, bool recording) {
    const WaitingFor waiting{"the database", Exit::unavailable};
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

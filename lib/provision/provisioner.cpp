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

Provisioner::Provisioner(const Context& context, Access access) : rules_{context.rules}, dry_run_{context.dry_run} {
    const WaitingFor waiting{"the database", Exit::unavailable};
    if (dry_run_)
        log::warn("dry run: nothing is changed");
    db::connect(session_, context.database, context.timeout);
    // A list may wait for its reader, and must hold no transaction open then.
    if (access == Access::read) {
        all_ = db::load_organizations(session_);
        return;
    }
    db::guarded("begin a transaction", [&] { session_ << "begin isolation level repeatable read"; });
    all_ = db::load_organizations_in_transaction(session_);
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
    require_no_new_refusals(before, dialplan::check(all_, rules_));
}

void Provisioner::try_changes(const std::function<void()>& change) {
    const auto check_as_active = [&](std::vector<Organization> all) {
        for (auto& each : all)
            each.status = "active";
        return dialplan::check(all, rules_);
    };
    auto before = all_;
    change();
    // A refusal names its organization, which may have another name now.
    for (auto& each : before)
        for (const auto& changed : all_)
            if (changed.id == each.id)
                each.name = changed.name;
    require_no_new_refusals(check_as_active(std::move(before)), check_as_active(all_));
}

// What follows may wait for a reader, and must hold no locks then.
void Provisioner::finish() {
    const WaitingFor waiting{"the database", Exit::unavailable};
    db::guarded(dry_run_ ? "take the changes back" : "make the changes",
                [&] { session_ << (dry_run_ ? "rollback" : "commit"); });
}

void Provisioner::require_no_new_refusals(const dialplan::Checked& before, const dialplan::Checked& after) {
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

} // namespace pbx::provision

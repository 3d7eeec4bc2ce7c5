// All organizations are read: a number or name that is new in one must be free in the others.
#include "provision/provisioner.hpp"

#include "base/name.hpp"
#include "base/printable.hpp"
#include "deploy/organizations.hpp"
#include "dialplan/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

namespace pbx::provision {

using dialplan::Organization;

Provisioner::Provisioner(const Context& context) : rules_{context.rules} {
    const Waiting waiting{"the database", Exit::unavailable};
    db::connect(session_, context.database, context.timeout);
    all_ = deploy::load_organizations(session_);
}

Organization& Provisioner::organization(const std::string& wanted) {
    const auto fits = [&](const Organization& each) {
        return each.name == wanted || each.context_prefix == wanted || each.id == wanted;
    };
    const auto found = std::find_if(all_.begin(), all_.end(), fits);
    if (found == all_.end())
        throw Error{Exit::no_input,
                    fmt::format("no organization has the name or prefix \"{}\"", printable(shown(wanted))),
                    "pbx-provision org list shows them"};
    if (std::find_if(std::next(found), all_.end(), fits) != all_.end())
        throw Error{Exit::usage, fmt::format("\"{}\" names more than one organization", printable(shown(wanted))),
                    "name it by its id; pbx-provision org list shows them"};
    return *found;
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

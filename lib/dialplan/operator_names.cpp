// Names are compared without case, since Asterisk does so for queues and for templates.
#include "dialplan/operator_names.hpp"

#include "dialplan/conf_lines.hpp"
#include "dialplan/render.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pbx::dialplan {

namespace {

using Names = std::map<std::string, std::string>;

template <typename Row>
void filter(Checked& checked, const Plan& plan, std::vector<Row>& rows, const char* kind, std::string Row::*key,
            std::string Row::*name, const char* column, const Names& names) {
    rows.erase(std::remove_if(rows.begin(), rows.end(),
                              [&](const Row& row) {
                                  const auto found = names.find(lower(row.*name));
                                  if (found == names.end())
                                      return false;
                                  checked.refusals.push_back({plan.prefix(),
                                                              fmt::format("{} {} of {}", kind, harmless(row.*key),
                                                                          harmless(plan.organization.name)),
                                                              fmt::format("{} \"{}\" is a section of the operator's {}",
                                                                          column, harmless(row.*name), found->second)});
                                  return true;
                              }),
               rows.end());
}

// The operator's context that would merge with one of the organization's; end() when there is none.
Names::const_iterator merging(const Plan& plan, const Names& contexts) {
    const auto begin = plan.prefix() + "__";
    auto found = contexts.lower_bound(begin);
    if (found == contexts.end() || !found->first.starts_with(begin))
        return contexts.end();
    Names ours;
    for_each_conf_line(extensions_text(plan, {"/", {}}), [&](const ConfLine& line) {
        if (const auto section = section_of(line.code); !section.name.empty())
            ours.emplace(lower(section.name), "");
    });
    for (; found != contexts.end() && found->first.starts_with(begin); ++found)
        if (ours.contains(found->first))
            return found;
    return contexts.end();
}

} // namespace

void leave_out(Checked& checked, const OperatorNames& names) {
    std::vector<Plan> kept;
    kept.reserve(checked.plans.size());
    for (auto& plan : checked.plans) {
        if (const auto found = merging(plan, names.contexts); found != names.contexts.end()) {
            checked.refusals.push_back(
                {plan.prefix(), "organization " + harmless(plan.organization.name),
                 fmt::format("its context {} is a section of the operator's {}; what is deployed of it stays as it is",
                             found->first, found->second)});
            continue;
        }
        auto& rows = plan.organization;
        filter(checked, plan, rows.users, "user", &tenants::User::extension, &tenants::User::asterisk_endpoint,
               "asterisk_endpoint", names.endpoints);
        filter(checked, plan, rows.trunks, "trunk", &tenants::Trunk::name, &tenants::Trunk::asterisk_peer_name,
               "asterisk_peer_name", names.endpoints);
        filter(checked, plan, rows.queues, "queue", &tenants::Queue::number, &tenants::Queue::asterisk_queue_name,
               "asterisk_queue_name", names.queues);
        kept.push_back(std::move(plan));
    }
    checked.plans = std::move(kept);
}

} // namespace pbx::dialplan

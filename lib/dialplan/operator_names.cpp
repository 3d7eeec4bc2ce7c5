// Names are compared without case, as Asterisk compares those of queues and templates.
#include "dialplan/operator_names.hpp"

#include "dialplan/conf_lines.hpp"
#include "dialplan/fault.hpp"
#include "dialplan/fixed_contexts.hpp"
#include "dialplan/render.hpp"
#include "dialplan/text.hpp"
#include "tenants/row_kinds.hpp"

#include <fmt/format.h>

#include <type_traits>
#include <vector>

namespace pbx::dialplan {

namespace {

using Names = std::map<std::string, std::string>;

// The column that names a row's section in Asterisk's configuration.
template <typename Row>
struct SectionColumn {
    std::string Row::*name;
    const char* column;
    Names OperatorNames::*taken;
};

constexpr SectionColumn<tenants::User> section_column(const tenants::User* /*type*/) {
    return {&tenants::User::asterisk_endpoint, "asterisk_endpoint", &OperatorNames::endpoints};
}

constexpr SectionColumn<tenants::Trunk> section_column(const tenants::Trunk* /*type*/) {
    return {&tenants::Trunk::asterisk_peer_name, "asterisk_peer_name", &OperatorNames::endpoints};
}

constexpr SectionColumn<tenants::Queue> section_column(const tenants::Queue* /*type*/) {
    return {&tenants::Queue::asterisk_queue_name, "asterisk_queue_name", &OperatorNames::queues};
}

void leave_out_rows(Checked& checked, Plan& plan, const OperatorNames& names) {
    const auto organization = harmless(plan.organization.name);
    tenants::visit_rows(plan.organization, [&](const auto& kind, auto& rows) {
        using Row = typename std::remove_reference_t<decltype(rows)>::value_type;
        if constexpr (requires { section_column(static_cast<const Row*>(nullptr)); }) {
            const auto section = section_column(static_cast<const Row*>(nullptr));
            std::erase_if(rows, [&](const Row& row) {
                const auto& taken = names.*section.taken;
                const auto found = taken.find(lower(row.*section.name));
                if (found == taken.end())
                    return false;
                checked.refusals.push_back(
                    {plan.prefix(), fmt::format("{} {} of {}", kind.word, harmless(row.*kind.name), organization),
                     fmt::format("{} {} is already a section of the operator's {}", section.column,
                                 in_quotes(row.*section.name), found->second)});
                return true;
            });
        }
    });
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
        if (ours.contains(found->first) && !is_own_context(found->first, plan.prefix()))
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
                 fmt::format(
                     "its context {} is already a section of the operator's {}; its deployed files stay as they "
                     "are",
                     found->first, found->second)});
            continue;
        }
        leave_out_rows(checked, plan, names);
        kept.push_back(std::move(plan));
    }
    checked.plans = std::move(kept);
}

} // namespace pbx::dialplan

// The order of the checks: each organization and row by itself, then against those that have held their names for
// longer, then all of them together.
#include "dialplan/plan.hpp"

#include "dialplan/emergency.hpp"
#include "dialplan/fault.hpp"
#include "dialplan/identity.hpp"
#include "dialplan/loose_ends.hpp"
#include "dialplan/ownership.hpp"
#include "dialplan/phone_settings.hpp"
#include "dialplan/recording_settings.hpp"
#include "dialplan/routing_loops.hpp"
#include "dialplan/row_checks.hpp"
#include "dialplan/text.hpp"
#include "tenants/row_kinds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace pbx::dialplan {

namespace {

using tenants::Organization;
using tenants::Route;

template <typename Row>
void sort_rows(std::vector<Row>& rows, std::string Row::*name) {
    std::sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
        if constexpr (std::is_same_v<Row, Route>) // in the order in which calls try them
            return std::tie(a.priority, a.name, a.id) < std::tie(b.priority, b.name, b.id);
        else
            return std::tie(a.*name, a.id) < std::tie(b.*name, b.id);
    });
}

class Check {
  public:
    Check(std::vector<Organization>& all, const Rules& rules) : all_{all}, rules_{rules} {}

    Checked run() {
        check_organizations();
        check_rows();
        ownership_.share_out_hosts(faults_);
        for (const auto& organization : all_)
            if (faults_.is_used(organization))
                check_emergency_routes(organization, rules_, faults_, result_.warnings);
        check_routing_loops(all_, faults_);
        for (auto& organization : all_)
            add_plan(organization);
        return std::move(result_);
    }

  private:
    // A claim, and the check of its row.
    struct ClaimCheck {
        Claim claim;
        const void* row;
        std::function<void(const Claim&)> check;
    };

    void check_organizations() {
        std::vector<const Organization*> by_age;
        by_age.reserve(all_.size());
        for (const auto& organization : all_)
            by_age.push_back(&organization);
        std::stable_sort(by_age.begin(), by_age.end(), [](const auto* a, const auto* b) {
            return is_older(a->held_since, a->id, b->held_since, b->id);
        });
        for (const auto* organization : by_age)
            faults_.collect(organization, [&] {
                check_columns(*organization);
                ownership_.hold_prefix(*organization);
            });
    }

    void check_rows() {
        for (auto& organization : all_)
            if (faults_.find(&organization) == nullptr)
                add_claims(organization);
        std::stable_sort(claims_.begin(), claims_.end(), [](const ClaimCheck& a, const ClaimCheck& b) {
            return is_older(a.claim.held_since, *a.claim.id, b.claim.held_since, *b.claim.id);
        });
        for (const auto& each : claims_)
            faults_.collect(each.row, [&] { each.check(each.claim); });
    }

    void add_claims(Organization& organization) {
        tenants::visit_rows(organization, [&](const auto& kind, auto& rows) {
            sort_rows(rows, kind.name);
            for (auto& row : rows) {
                if constexpr (std::is_same_v<decltype(row), Route&>) // has no name that another tenant could claim
                    faults_.collect(&row, [&] { check_columns(row, rules_); });
                else
                    claims_.push_back({{&organization, kind.word, &(row.*kind.name), row.held_since, &row.id,
                                        row.status == "active" && organization.status == "active"},
                                       &row,
                                       [this, &row](const Claim& claim) {
                                           check_columns(row, rules_);
                                           ownership_.hold(claim, row);
                                       }});
            }
        });
    }

    void refuse(const Organization& organization, std::string row, const Fault& fault) {
        result_.refusals.push_back(
            {organization.context_prefix, std::move(row), fault.message, fault.hint, fault.conflict});
    }

    // Leaves only the rows that are used.
    template <typename Row>
    void keep_used(const Organization& organization, std::vector<Row>& rows, const char* word, std::string Row::*name) {
        std::vector<Row> kept;
        kept.reserve(rows.size());
        for (auto& row : rows) {
            if (faults_.is_used(row))
                kept.push_back(std::move(row));
            else if (row.status == "active")
                refuse(organization, fmt::format("{} {} of {}", word, harmless(row.*name), harmless(organization.name)),
                       *faults_.find(&row));
        }
        rows = std::move(kept);
    }

    // An invalid setting must not disable the organization's phones.
    void refuse_settings(const Organization& organization) {
        const auto check_setting = [&](const char* name, const std::string& fault) {
            if (!fault.empty())
                refuse(organization, fmt::format("{} of {}", name, harmless(organization.name)), {fault});
        };
        check_setting("limit max_channels", limit_fault(organization.max_channels));
        check_setting("setting max_contacts", contacts_fault(organization.max_contacts));
        check_setting("setting codecs", codecs_fault(organization.codecs));
        check_setting("setting recording_channels", channels_fault(organization.recording_channels));
        check_setting("setting recording_rate", rate_fault(organization.recording_rate));
        check_setting("setting recording_consent", consent_fault(organization.recording_consent));
        check_setting("setting consent_prompt", prompt_fault(organization.consent_prompt));
    }

    void add_plan(Organization& organization) {
        if (organization.status != "active") {
            if (can_be_prefix(organization.context_prefix))
                result_.inactive.push_back(organization.context_prefix);
            return;
        }
        if (const auto* fault = faults_.find(&organization)) {
            refuse(organization, "organization " + harmless(organization.name), *fault);
            return;
        }
        tenants::visit_rows(organization,
                            [&](const auto& kind, auto& rows) { keep_used(organization, rows, kind.word, kind.name); });
        for (auto& did : organization.dids)
            did.number = canonical_number(did.number);
        sort_rows(organization.dids, &tenants::Did::number);
        refuse_settings(organization);
        const int limit = limit_value(organization.max_channels);
        const int contacts = contacts_value(organization.max_contacts);
        const int channels = channels_value(organization.recording_channels);
        const int rate = rate_value(organization.recording_rate);
        auto codecs = codecs_value(organization.codecs);
        Consent consent{consent_value(organization.recording_consent), prompt_value(organization.consent_prompt)};
        Plan plan{std::move(organization), limit, contacts, std::move(codecs), channels, rate, std::move(consent)};
        warn_of_loose_ends(plan, result_.warnings);
        result_.plans.push_back(std::move(plan));
    }

    std::vector<Organization>& all_;
    const Rules& rules_;
    Checked result_;
    Faults faults_;
    Ownership ownership_;
    std::vector<ClaimCheck> claims_; // oldest first; Ownership refers to the claims
};

template <typename Row>
const Row* find(const std::vector<Row>& rows, std::string Row::*key, std::string_view value) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.*key == value; });
    return found == rows.end() ? nullptr : &*found;
}

} // namespace

const tenants::User* Plan::user(std::string_view extension) const {
    return find(organization.users, &tenants::User::extension, extension);
}

const tenants::User* Plan::user_by_id(std::string_view id) const {
    return find(organization.users, &tenants::User::id, id);
}

const tenants::Queue* Plan::queue(std::string_view number) const {
    return find(organization.queues, &tenants::Queue::number, number);
}

const tenants::Trunk* Plan::trunk_by_id(std::string_view id) const {
    return find(organization.trunks, &tenants::Trunk::id, id);
}

Checked check(std::vector<Organization> all, const Rules& rules) {
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
        return std::tie(a.context_prefix, a.id) < std::tie(b.context_prefix, b.id);
    });
    return Check{all, rules}.run();
}

} // namespace pbx::dialplan

#include "provision/changes.hpp"

#include "base/output.hpp"
#include "base/printable.hpp"
#include "dialplan/policy.hpp"
#include "provision/fields.hpp"
#include "provision/provisioner.hpp"
#include "provision/rows.hpp"

#include <fmt/format.h>

#include <type_traits>
#include <utility>

namespace pbx::provision {

namespace {

const Organization* find_organization(const std::vector<Organization>& all, const std::string& id) {
    return find(all, &Organization::id, id);
}

// An approval ends with the trunk's host, port or type; the operator who changes these approves the new ones.
bool needs_new_approval(const tenants::Trunk& before, const tenants::Trunk& after) {
    return after.approved_at &&
           (before.host != after.host || before.port != after.port || before.trunk_type != after.trunk_type);
}

template <typename Row>
bool is_approved_again(const Field<Row>& field, const Row* before, const Row& after) {
    if constexpr (std::is_same_v<Row, tenants::Trunk>)
        return before != nullptr && field.name == "approved" && needs_new_approval(*before, after);
    return false;
}

template <typename Row>
std::vector<FieldChange> compare_fields(const Organization& owner_before, const Row* before, const Organization& owner,
                                        const Row& after) {
    std::vector<FieldChange> changes;
    for (const auto& field : fields_of<Row>()) {
        auto was = before == nullptr ? Json{} : field.get(owner_before, *before);
        auto is = field.get(owner, after);
        if (before == nullptr || was != is || is_approved_again(field, before, after))
            changes.push_back({field.name, field.column, field.value, std::move(was), std::move(is), field.is_secret});
    }
    return changes;
}

class Comparison {
  public:
    Comparison(const std::vector<Organization>& before, const std::vector<Organization>& after)
        : before_{before}, after_{after} {}

    std::vector<RowChange> run() && {
        for (const auto& owner : after_) {
            const auto* before = find_organization(before_, owner.id);
            add("org", "organizations", owner, owner.name, owner.id,
                compare_fields<Organization>(owner, before, owner, owner), before == nullptr);
        }
        for (const auto kind : {RowKind::trunk, RowKind::user, RowKind::queue, RowKind::did, RowKind::route})
            for (const auto& owner : after_)
                compare_rows(owner, kind);
        return std::move(changes_);
    }

  private:
    void compare_rows(const Organization& owner, RowKind kind) {
        static const Organization nobody;
        const auto* known = find_organization(before_, owner.id);
        const auto& owner_before = known == nullptr ? nobody : *known;
        tenants::visit_rows(owner, kind, [&](const auto& description, const auto& rows) {
            using Row = typename std::remove_cvref_t<decltype(rows)>::value_type;
            for (const auto& row : rows) {
                const Row* before = find(owner_before.*description.rows, &Row::id, row.id);
                add(description.word, description.table, owner, row.*description.name, row.id,
                    compare_fields<Row>(owner_before, before, owner, row), before == nullptr);
            }
        });
    }

    void add(const char* kind, const char* table, const Organization& owner, const std::string& name,
             const std::string& id, std::vector<FieldChange> fields, bool is_new) {
        if (!fields.empty())
            changes_.push_back({kind, table, owner.id, owner.name, id, name, is_new, std::move(fields)});
    }

    const std::vector<Organization>& before_;
    const std::vector<Organization>& after_;
    std::vector<RowChange> changes_;
};

template <typename Row>
std::optional<bool> recorded(const Organization* owner, const Row* row) {
    if (owner == nullptr || row == nullptr || owner->status != "active" || row->status != "active")
        return std::nullopt;
    return dialplan::allows(owner->recording_enabled, row->recording_enabled);
}

std::string shown_value(const FieldChange& field, const Json& value) {
    if (field.is_secret && !value.is_null())
        return "(hidden)";
    return value.is_null() ? "unset" : printable(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void print_text(const RowChange& change) {
    const bool is_org = change.kind == "org";
    output::print("{} {}{}{}\n", change.kind, printable(change.name),
                  is_org ? "" : " of " + printable(change.organization), change.is_new ? " (new)" : "");
    for (const auto& field : change.fields) {
        if (field.before == field.after || (change.is_new && field.after.is_null()))
            continue;
        const auto after = shown_value(field, field.after);
        if (change.is_new)
            output::print("  {}: {}\n", field.name, after);
        else
            output::print("  {}: {} -> {}\n", field.name, shown_value(field, field.before), after);
    }
}

Json json_of(const RowChange& change) {
    Json fields = Json::object();
    for (const auto& field : change.fields) {
        const auto value = [&](const Json& each) {
            return field.is_secret && !each.is_null() ? Json("(hidden)") : each;
        };
        if (field.before != field.after)
            fields[field.name] = {{"before", value(field.before)}, {"after", value(field.after)}};
    }
    return {{"kind", change.kind},
            {"organization", change.organization},
            {"name", change.name},
            {"new", change.is_new},
            {"fields", std::move(fields)}};
}

} // namespace

std::vector<RowChange> compare(const std::vector<Organization>& before, const std::vector<Organization>& after) {
    return Comparison{before, after}.run();
}

std::vector<RecordingEffect> find_recording_effects(const std::vector<Organization>& before,
                                                    const std::vector<Organization>& after) {
    std::vector<RecordingEffect> effects;
    for (const auto& owner : after) {
        const auto* owner_before = find_organization(before, owner.id);
        tenants::visit_rows(owner, [&](const auto& description, const auto& rows) {
            using Row = typename std::remove_cvref_t<decltype(rows)>::value_type;
            if constexpr (tenants::has_recording_switch<Row>)
                for (const auto& row : rows) {
                    const Row* row_before =
                        owner_before == nullptr ? nullptr : find(owner_before->*description.rows, &Row::id, row.id);
                    const auto was = recorded(owner_before, row_before);
                    const auto is = recorded(&owner, &row);
                    if (is && was.value_or(true) != *is)
                        effects.push_back(
                            {description.word, owner.name, row.*description.name, row_before == nullptr, *is});
                }
        });
    }
    return effects;
}

std::string describe(const RecordingEffect& effect) {
    return fmt::format("calls {} {} {} of {} will {}", effect.kind == "route" ? "over" : "to", effect.kind,
                       printable(effect.name), printable(effect.organization),
                       effect.recorded ? "be recorded"
                       : effect.is_new ? "not be recorded"
                                       : "not be recorded any more");
}

void print_changes(const std::vector<RowChange>& changes, const std::vector<RecordingEffect>& effects, bool json) {
    if (!json) {
        for (const auto& change : changes)
            print_text(change);
        return;
    }
    Json document{{"changes", Json::array()}, {"recording", Json::array()}};
    for (const auto& change : changes)
        document["changes"].push_back(json_of(change));
    for (const auto& effect : effects)
        document["recording"].push_back({{"kind", effect.kind},
                                         {"organization", effect.organization},
                                         {"name", effect.name},
                                         {"recorded", effect.recorded}});
    print_object(document);
}

void renew_claims(const std::vector<Organization>& before, std::vector<Organization>& after) {
    static const Organization nobody;
    for (auto& owner : after) {
        const auto* known = find_organization(before, owner.id);
        const auto& owner_before = known == nullptr ? nobody : *known;
        tenants::visit_rows(owner, [&](const auto& description, auto& rows) {
            using Row = typename std::remove_cvref_t<decltype(rows)>::value_type;
            if constexpr (requires(Row row) { row.held_since; })
                for (auto& row : rows) {
                    const Row* row_before = find(owner_before.*description.rows, &Row::id, row.id);
                    if (row_before == nullptr)
                        continue;
                    for (const auto& field : fields_of<Row>())
                        if (field.is_claim && field.get(owner, row) != field.get(owner_before, *row_before))
                            row.held_since = tenants::not_stored;
                    if constexpr (std::is_same_v<Row, tenants::Trunk>)
                        if (needs_new_approval(*row_before, row))
                            row.approved_at = just_approved;
                }
        });
    }
}

} // namespace pbx::provision

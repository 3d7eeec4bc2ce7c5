// The lists of organizations and rows, and which of them are recorded.
#include "dialplan/policy.hpp"
#include "provision/given_json.hpp"
#include "provision/print.hpp"
#include "provision/provisioner.hpp"
#include "provision/rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>
#include <vector>

namespace pbx::provision {

namespace {

std::string member_names(const Organization& owner, const tenants::Queue& queue) {
    std::string result;
    for (const auto& member : queue.members)
        if (const auto* user = find(owner.users, &tenants::User::id, member.user_id))
            result += (result.empty() ? "" : ",") + user->extension;
    return result;
}

std::string trunk_name(const Organization& owner, const std::string& id) {
    const auto* trunk = find(owner.trunks, &tenants::Trunk::id, id);
    return trunk == nullptr ? std::string{} : trunk->name;
}

std::string endpoint_of(const Organization& owner, const tenants::User& user) {
    return user.asterisk_endpoint.empty() ? owner.context_prefix + "_" + user.extension : user.asterisk_endpoint;
}

Cells cells_of(const Organization& owner, const tenants::User& user) {
    return {{"extension", user.extension},
            {"name", user.full_name},
            {"status", user.status},
            {"recording", json_of(user.recording_enabled)},
            {"rings", user.ring_target},
            {"phone", user.phone_number},
            {"endpoint", endpoint_of(owner, user)}};
}

Cells cells_of(const Organization& /*owner*/, const tenants::Did& did) {
    return {{"number", did.number},   {"leads_to", did.routing_type}, {"destination", did.routing_destination},
            {"answers", did.answers}, {"status", did.status},         {"recording", json_of(did.recording_enabled)}};
}

Cells cells_of(const Organization& owner, const tenants::Queue& queue) {
    return {{"number", queue.number},
            {"name", queue.name},
            {"status", queue.status},
            {"recording", json_of(queue.recording_enabled)},
            {"strategy", queue.strategy},
            {"max_wait", queue.max_wait_time},
            {"overflow", queue.timeout_destination},
            {"members", member_names(owner, queue)}};
}

Cells cells_of(const Organization& owner, const tenants::Route& route) {
    return {{"name", route.name},
            {"pattern", route.dial_pattern},
            {"priority", route.priority},
            {"trunk", trunk_name(owner, route.trunk_id)},
            {"status", route.status},
            {"recording", json_of(route.recording_enabled)},
            {"strip", route.strip_digits},
            {"prepend", route.prepend_digits},
            {"caller_id", route.caller_id_override}};
}

Cells cells_of(const Organization& /*owner*/, const tenants::Trunk& trunk) {
    return {{"name", trunk.name},       {"host", trunk.host},
            {"port", trunk.port},       {"transport", trunk.transport},
            {"type", trunk.trunk_type}, {"username", trunk.username},
            {"status", trunk.status},   {"approved", trunk.approved_at.has_value()}};
}

// Rows of an organization by name: PostgreSQL returns them in no particular order.
template <typename Row>
std::vector<const Row*> sorted(const std::vector<Row>& rows, std::string Row::*name) {
    std::vector<const Row*> result;
    result.reserve(rows.size());
    for (const auto& row : rows)
        result.push_back(&row);
    std::sort(result.begin(), result.end(), [&](const Row* a, const Row* b) { return a->*name < b->*name; });
    return result;
}

Cells recording_cells(const Organization& owner, const char* word, const std::string& name, const std::string& status,
                      tenants::RecordingFlag own) {
    return {{"organization", owner.name},
            {"kind", word},
            {"name", name},
            {"own", json_of(own)},
            {"master", json_of(owner.recording_enabled)},
            {"effective", dialplan::allows(owner.recording_enabled, own)},
            {"status", status}};
}

} // namespace

Exit list_organizations(const Context& context) {
    const Provisioner work{context, Access::read};
    const auto setting = [](const std::string& json) {
        auto value = parse_json(json);
        return value.is_discarded() ? Json{} : value;
    };
    std::vector<Cells> rows;
    for (const auto& each : work.all())
        rows.push_back({{"name", each.name},
                        {"context_prefix", each.context_prefix},
                        {"status", each.status},
                        {"recording", json_of(each.recording_enabled)},
                        {"id", each.id},
                        {"max_channels", setting(each.max_channels)},
                        {"max_contacts", setting(each.max_contacts)},
                        {"codecs", setting(each.codecs)},
                        {"recording_consent", setting(each.recording_consent)},
                        {"consent_prompt", setting(each.consent_prompt)}});
    print_rows(rows, context.json);
    return Exit::ok;
}

Exit list_rows(const Context& context, RowKind kind, const std::string& organization) {
    Provisioner work{context, Access::read};
    std::vector<Cells> table;
    for (const auto* owner : work.organizations_to_list(organization))
        tenants::visit_rows(*owner, kind, [&](const auto& description, const auto& rows) {
            for (const auto* row : sorted(rows, description.name)) {
                table.push_back(cells_of(*owner, *row));
                table.back().insert(table.back().begin(), {"organization", owner->name});
            }
        });
    print_rows(table, context.json);
    return Exit::ok;
}

Exit show_user(const Context& context, const std::string& organization, const std::string& extension) {
    Provisioner work{context, Access::read};
    const auto& owner = work.organization(organization);
    const auto& user = user_of(owner, extension);
    print_rows({{{"extension", user.extension},
                 {"login", endpoint_of(owner, user)},
                 {"password", user.sip_password},
                 {"name", user.full_name},
                 {"status", user.status},
                 {"queues", fmt::format("{}", fmt::join(queues_of(owner, user), ","))}}},
               context.json);
    return Exit::ok;
}

Exit show_recording(const Context& context, const std::string& organization) {
    Provisioner work{context, Access::read};
    std::vector<Cells> table;
    for (const auto* owner : work.organizations_to_list(organization)) {
        table.push_back(recording_cells(*owner, "organization", owner->name, owner->status, owner->recording_enabled));
        tenants::visit_rows(*owner, [&](const auto& description, const auto& rows) {
            using Row = typename std::remove_reference_t<decltype(rows)>::value_type;
            if constexpr (tenants::has_recording_switch<Row>)
                for (const auto* row : sorted(rows, description.name))
                    table.push_back(recording_cells(*owner, description.word, row->*description.name, row->status,
                                                    row->recording_enabled));
        });
    }
    print_rows(table, context.json);
    return Exit::ok;
}

} // namespace pbx::provision

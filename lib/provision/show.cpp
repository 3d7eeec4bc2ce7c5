// Lists, and who is recorded.
#include "dialplan/policy.hpp"
#include "provision/print.hpp"
#include "provision/provisioner.hpp"
#include "provision/rows.hpp"

#include <algorithm>

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

void add_cells(std::vector<Cells>& rows, const Organization& owner, Kind kind) {
    const auto row = [&](Cells cells) {
        cells.insert(cells.begin(), {"organization", owner.name});
        rows.push_back(std::move(cells));
    };
    if (kind == Kind::user)
        for (const auto& user : owner.users)
            row({{"extension", user.extension},
                 {"name", user.full_name},
                 {"status", user.status},
                 {"recording", json_of(user.recording_enabled)},
                 {"rings", user.ring_target},
                 {"phone", user.phone_number},
                 {"endpoint", user.asterisk_endpoint.empty() ? owner.context_prefix + "_" + user.extension
                                                             : user.asterisk_endpoint}});
    if (kind == Kind::did)
        for (const auto& did : owner.dids)
            row({{"number", did.number},
                 {"leads_to", did.routing_type},
                 {"destination", did.routing_destination},
                 {"status", did.status},
                 {"recording", json_of(did.recording_enabled)}});
    if (kind == Kind::queue)
        for (const auto& queue : owner.queues)
            row({{"number", queue.number},
                 {"name", queue.name},
                 {"status", queue.status},
                 {"recording", json_of(queue.recording_enabled)},
                 {"strategy", queue.strategy},
                 {"max_wait", queue.max_wait_time},
                 {"overflow", queue.timeout_destination},
                 {"members", member_names(owner, queue)}});
    if (kind == Kind::route)
        for (const auto& route : owner.routes)
            row({{"name", route.name},
                 {"pattern", route.dial_pattern},
                 {"priority", route.priority},
                 {"trunk", trunk_name(owner, route.trunk_id)},
                 {"status", route.status},
                 {"recording", json_of(route.recording_enabled)},
                 {"strip", route.strip_digits},
                 {"prepend", route.prepend_digits},
                 {"caller_id", route.caller_id_override}});
    if (kind == Kind::trunk)
        for (const auto& trunk : owner.trunks)
            row({{"name", trunk.name},
                 {"host", trunk.host},
                 {"port", trunk.port},
                 {"transport", trunk.transport},
                 {"type", trunk.trunk_type},
                 {"username", trunk.username},
                 {"status", trunk.status},
                 {"approved", trunk.approved_at.has_value()}});
}

// Rows of an organization by name: PostgreSQL gives them in no order.
template <typename Row>
std::vector<const Row*> sorted(const std::vector<Row>& rows, std::string Row::*key) {
    std::vector<const Row*> result;
    result.reserve(rows.size());
    for (const auto& row : rows)
        result.push_back(&row);
    std::sort(result.begin(), result.end(), [&](const Row* a, const Row* b) { return a->*key < b->*key; });
    return result;
}

// One line of "recording show" per row.
class RecordingTable {
  public:
    void add(const Organization& owner) {
        line(owner, "organization", owner.name, owner.status, owner.recording_enabled);
        for (const auto* user : sorted(owner.users, &tenants::User::extension))
            line(owner, "user", user->extension, user->status, user->recording_enabled);
        for (const auto* did : sorted(owner.dids, &tenants::Did::number))
            line(owner, "did", did->number, did->status, did->recording_enabled);
        for (const auto* queue : sorted(owner.queues, &tenants::Queue::number))
            line(owner, "queue", queue->number, queue->status, queue->recording_enabled);
        for (const auto* route : sorted(owner.routes, &tenants::Route::name))
            line(owner, "route", route->name, route->status, route->recording_enabled);
    }

    void print(bool json) const { print_rows(rows_, json); }

  private:
    void line(const Organization& owner, const char* kind, const std::string& name, const std::string& status,
              tenants::RecordingFlag own) {
        rows_.push_back({{"organization", owner.name},
                         {"kind", kind},
                         {"name", name},
                         {"own", json_of(own)},
                         {"master", json_of(owner.recording_enabled)},
                         {"effective", dialplan::allows(owner.recording_enabled, own)},
                         {"status", status}});
    }

    std::vector<Cells> rows_;
};

} // namespace

Exit list_organizations(const Context& context) {
    const Provisioner work{context};
    std::vector<Cells> rows;
    for (const auto& each : work.all())
        rows.push_back({{"name", each.name},
                        {"context_prefix", each.context_prefix},
                        {"status", each.status},
                        {"recording", json_of(each.recording_enabled)},
                        {"id", each.id},
                        {"max_channels", each.max_channels.empty() ? Json{} : Json::parse(each.max_channels)}});
    print_rows(rows, context.json);
    return Exit::ok;
}

Exit list_rows(const Context& context, Kind kind, const std::string& organization) {
    Provisioner work{context};
    std::vector<Cells> rows;
    for (const auto* owner : work.chosen(organization)) {
        const auto first = rows.size();
        add_cells(rows, *owner, kind);
        std::sort(rows.begin() + static_cast<std::ptrdiff_t>(first), rows.end(),
                  [](const Cells& a, const Cells& b) { return a[1].second < b[1].second; });
    }
    print_rows(rows, context.json);
    return Exit::ok;
}

Exit show_recording(const Context& context, const std::string& organization) {
    Provisioner work{context};
    RecordingTable table;
    for (const auto* owner : work.chosen(organization))
        table.add(*owner);
    table.print(context.json);
    return Exit::ok;
}

} // namespace pbx::provision

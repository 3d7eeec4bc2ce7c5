// New organizations and rows: what the dialplan would leave out is refused before it is written.
#include "base/log.hpp"
#include "base/name.hpp"
#include "base/output.hpp"
#include "base/printable.hpp"
#include "dialplan/identity.hpp"
#include "provision/new_rows.hpp"
#include "provision/print.hpp"
#include "provision/provisioner.hpp"
#include "provision/rows.hpp"
#include "provision/secret.hpp"
#include "provision/store.hpp"

#include <fmt/format.h>

#include <initializer_list>
#include <utility>

namespace pbx::provision {

namespace {

void require_texts(std::initializer_list<std::pair<const char*, std::string>> texts) {
    for (const auto& [what, text] : texts)
        require_text(text, what);
}

// Adds `row` to those of `owner`.
template <typename Row>
void add(Provisioner& work, Organization& owner, std::vector<Row> Organization::*rows, Row row) {
    const std::vector before{owner};
    row.id = make_id();
    row.status = "active";
    work.try_change(owner, [&] { (owner.*rows).push_back(std::move(row)); });
    store(work, compare(before, {owner}));
}

} // namespace

Exit add_organization(const Context& context, const std::string& name, const std::string& given, bool recording) {
    require_name(name, "name");
    const auto prefix = given.empty() ? make_prefix() : given;
    if (prefix.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos)
        throw Error{Exit::usage,
                    fmt::format("the prefix \"{}\" may hold only a-z, 0-9 and _", printable(shown(prefix))),
                    "the names of all the organization's sections in Asterisk begin with it"};
    Provisioner work{context};
    auto added = new_row<Organization>();
    added.id = make_id();
    added.name = name;
    added.context_prefix = prefix;
    added.recording_enabled = recording;
    require_clear_name(added, true, work.all());
    work.try_addition(added);
    store(work, compare({}, {added}));
    if (!recording)
        log::warn("calls of {} will not be recorded", printable(name));
    if (context.json)
        print_object({{"id", added.id}, {"name", name}, {"context_prefix", prefix}, {"recording", recording}});
    else
        output::print("{}\t{}\n", added.id, prefix);
    return Exit::ok;
}

Exit add_user(const Context& context, const std::string& organization, tenants::User user,
              const std::string& username) {
    require_texts({{"extension", user.extension}, {"name", user.full_name}, {"username", username}});
    Provisioner work{context};
    auto& owner = work.organization(organization);
    require_new_name(owner, RowKind::user, user.extension);
    const bool given = !user.sip_password.empty();
    user.username = username;
    complete_user(user, owner);
    add(work, owner, &Organization::users, user);
    warn_if_unrecorded(RowKind::user, user.extension, owner, user.recording_enabled);
    if (context.json)
        print_object({{"organization", owner.name},
                      {"extension", user.extension},
                      {"sip_password", or_null(user.sip_password)},
                      {"recording", user.recording_enabled.value_or(true)}});
    else if (!given && !user.sip_password.empty())
        output::print("{}\t{}\n", user.extension, user.sip_password);
    return Exit::ok;
}

Exit add_did(const Context& context, const std::string& organization, tenants::Did did, const std::string& trunk) {
    Provisioner work{context};
    auto& owner = work.organization(organization);
    const auto digits = dialplan::canonical_number(did.number);
    for (const auto& other : work.all())
        for (const auto& each : other.dids)
            if (!digits.empty() && dialplan::canonical_number(each.number) == digits)
                throw already_exists(RowKind::did, did.number, owner, other);
    did.trunk_id = trunk_id(owner, trunk);
    add(work, owner, &Organization::dids, did);
    warn_if_unrecorded(RowKind::did, did.number, owner, did.recording_enabled);
    if (context.json)
        print_object({{"organization", owner.name},
                      {"number", did.number},
                      {"leads_to", did.routing_type},
                      {"destination", did.routing_destination},
                      {"answers", did.answers},
                      {"recording", did.recording_enabled.value_or(true)}});
    return Exit::ok;
}

Exit add_queue(const Context& context, const std::string& organization, const tenants::Queue& queue) {
    require_texts({{"name", queue.name}});
    Provisioner work{context};
    auto& owner = work.organization(organization);
    require_new_name(owner, RowKind::queue, queue.number);
    add(work, owner, &Organization::queues, queue);
    warn_if_unrecorded(RowKind::queue, queue.number, owner, queue.recording_enabled);
    if (context.json)
        print_object({{"organization", owner.name},
                      {"number", queue.number},
                      {"name", queue.name},
                      {"recording", queue.recording_enabled.value_or(true)}});
    return Exit::ok;
}

Exit add_route(const Context& context, const std::string& organization, tenants::Route route,
               const std::string& trunk) {
    require_name(route.name, "name");
    Provisioner work{context};
    auto& owner = work.organization(organization);
    require_new_name(owner, RowKind::route, route.name);
    route.trunk_id = trunk_id(owner, trunk);
    add(work, owner, &Organization::routes, route);
    warn_if_unrecorded(RowKind::route, route.name, owner, route.recording_enabled);
    if (context.json)
        print_object({{"organization", owner.name},
                      {"name", route.name},
                      {"pattern", route.dial_pattern},
                      {"recording", route.recording_enabled.value_or(true)}});
    return Exit::ok;
}

Exit add_trunk(const Context& context, const std::string& organization, tenants::Trunk trunk) {
    require_name(trunk.name, "name");
    Provisioner work{context};
    auto& owner = work.organization(organization);
    require_new_name(owner, RowKind::trunk, trunk.name);
    trunk.approved_at = just_approved; // by the operator who adds it
    add(work, owner, &Organization::trunks, trunk);
    if (context.json)
        print_object({{"organization", owner.name}, {"name", trunk.name}, {"host", trunk.host}, {"port", trunk.port}});
    return Exit::ok;
}

} // namespace pbx::provision

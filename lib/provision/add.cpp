// New organizations and rows: what the dialplan would leave out is refused before it is written.
#include "base/log.hpp"
#include "base/name.hpp"
#include "base/output.hpp"
#include "base/printable.hpp"
#include "dialplan/identity.hpp"
#include "dialplan/password.hpp"
#include "provision/print.hpp"
#include "provision/provisioner.hpp"
#include "provision/rows.hpp"
#include "provision/secret.hpp"

#include <fmt/format.h>

#include <initializer_list>
#include <utility>

namespace pbx::provision {

namespace {

void require_text(const std::string& text, const char* what) {
    const auto refuse = [&](const char* why) {
        throw Error{Exit::usage, fmt::format("the {} \"{}\" {}", what, printable(shown(text)), why)};
    };
    constexpr std::size_t most = 255;
    if (text.size() > most)
        refuse("is longer than 255 bytes");
    if (!is_utf8(text))
        refuse("is not UTF-8");
    if (printable(text) != text)
        refuse("contains control characters");
}

void require_texts(std::initializer_list<std::pair<const char*, std::string>> texts) {
    for (const auto& [what, text] : texts)
        require_text(text, what);
}

void require_name(const std::string& text, const char* what) {
    if (text.find_first_not_of(' ') == std::string::npos)
        throw Error{Exit::usage, fmt::format("the {} is empty", what)};
    require_text(text, what);
}

void require_other_name(const Organization& other, const std::string& name, const std::string& prefix) {
    if (other.name != name && other.context_prefix != prefix)
        return;
    const bool same_name = other.name == name;
    throw Error{Exit::usage,
                fmt::format("an organization with the {} {} exists already", same_name ? "name" : "prefix",
                            printable(same_name ? name : prefix)),
                other.status == "active" ? "" : "its status is " + other.status + "; pbx-provision org resume"};
}

// Fills in what the operator left out.
void complete(tenants::User& user, const Organization& owner, const std::string& username) {
    user.id = new_id;
    user.status = "active";
    user.ring_target = user.phone_number.empty() ? "ext" : "phone";
    if (user.sip_password.empty() && user.ring_target == "ext")
        user.sip_password = make_password();
    user.username = username.empty() ? user.extension : username;
    const auto endpoint =
        user.asterisk_endpoint.empty() ? owner.context_prefix + "_" + user.extension : user.asterisk_endpoint;
    if (const auto fault = dialplan::password_fault(user, endpoint); !fault.empty() && !user.sip_password.empty())
        throw Error{Exit::usage, fmt::format("the password of user {} {}", printable(user.extension), fault),
                    "omit --password to get a random one"};
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
    for (const auto& other : work.all())
        require_other_name(other, name, prefix);
    Organization candidate;
    candidate.id = new_id;
    candidate.name = name;
    candidate.context_prefix = prefix;
    candidate.status = "active";
    work.try_addition(candidate);
    const auto id = work.insert_organization(name, prefix, recording);
    if (!recording)
        log::warn("calls of {} will not be recorded", printable(name));
    if (context.json)
        print_json({{"id", id}, {"name", name}, {"context_prefix", prefix}, {"recording", recording}});
    else
        output::print("{}\t{}\n", id, prefix);
    return Exit::ok;
}

Exit add_user(const Context& context, const std::string& organization, tenants::User user,
              const std::string& username) {
    require_texts({{"extension", user.extension}, {"name", user.full_name}, {"username", username}});
    Provisioner work{context};
    auto& owner = work.organization(organization);
    require_new_name(owner, RowKind::user, user.extension);
    const bool given = !user.sip_password.empty();
    complete(user, owner, username);
    work.try_change(owner, [&] { owner.users.push_back(user); });
    const auto on = sql_boolean(user.recording_enabled);
    work.execute("add user " + user.extension, R"(
        insert into users (org_id, username, extension, full_name, sip_password, asterisk_endpoint, ring_target,
            phone_number, recording_enabled)
        values (cast(:org as uuid), :username, :extension, :name, nullif(:password, ''), nullif(:endpoint, ''),
            :target, nullif(:phone, ''), cast(:recording as boolean)))",
                 owner.id, user.username, user.extension, user.full_name, user.sip_password, user.asterisk_endpoint,
                 user.ring_target, user.phone_number, on);
    warn_if_unrecorded(RowKind::user, user.extension, owner, user.recording_enabled);
    if (context.json)
        print_json({{"organization", owner.name},
                    {"extension", user.extension},
                    {"sip_password", or_null(user.sip_password)},
                    {"recording", user.recording_enabled.value_or(true)}});
    else if (!given && !user.sip_password.empty())
        output::print("{}\t{}\n", user.extension, user.sip_password);
    return Exit::ok;
}

Exit add_did(const Context& context, const std::string& organization, const tenants::Did& given,
             const std::string& trunk) {
    Provisioner work{context};
    auto& owner = work.organization(organization);
    const auto digits = dialplan::canonical_number(given.number);
    for (const auto& other : work.all())
        for (const auto& did : other.dids)
            if (!digits.empty() && dialplan::canonical_number(did.number) == digits)
                throw already_exists(RowKind::did, given.number, owner, other);
    auto did = given;
    did.id = new_id;
    did.status = "active";
    const auto trunk_key = trunk_id(owner, trunk);
    work.try_change(owner, [&] { owner.dids.push_back(did); });
    const auto on = sql_boolean(did.recording_enabled);
    const auto answers = sql_boolean(did.answers);
    work.execute("add did " + did.number, R"(
        insert into did_numbers (org_id, trunk_id, number, routing_type, routing_destination, recording_enabled, answers)
        values (cast(:org as uuid), cast(nullif(:trunk, '') as uuid), :number, :type, :destination,
            cast(:recording as boolean), cast(:answers as boolean)))",
                 owner.id, trunk_key, did.number, did.routing_type, did.routing_destination, on, answers);
    warn_if_unrecorded(RowKind::did, did.number, owner, did.recording_enabled);
    if (context.json)
        print_json({{"organization", owner.name},
                    {"number", did.number},
                    {"leads_to", did.routing_type},
                    {"destination", did.routing_destination},
                    {"answers", did.answers},
                    {"recording", did.recording_enabled.value_or(true)}});
    return Exit::ok;
}

Exit add_queue(const Context& context, const std::string& organization, const tenants::Queue& given) {
    require_texts({{"name", given.name}});
    Provisioner work{context};
    auto& owner = work.organization(organization);
    require_new_name(owner, RowKind::queue, given.number);
    auto queue = given;
    queue.id = new_id;
    queue.status = "active";
    work.try_change(owner, [&] { owner.queues.push_back(queue); });
    const auto on = sql_boolean(queue.recording_enabled);
    work.execute("add queue " + queue.number, R"(
        insert into queues (org_id, number, name, strategy, timeout, retry, max_wait_time, music_on_hold,
            timeout_destination, timeout_destination_type, recording_enabled)
        values (cast(:org as uuid), :number, :name, :strategy, :timeout, :retry, :wait, :music,
            nullif(:destination, ''), nullif(:type, ''), cast(:recording as boolean)))",
                 owner.id, queue.number, queue.name, queue.strategy, queue.timeout, queue.retry, queue.max_wait_time,
                 queue.music_on_hold, queue.timeout_destination, queue.timeout_destination_type, on);
    warn_if_unrecorded(RowKind::queue, queue.number, owner, queue.recording_enabled);
    if (context.json)
        print_json({{"organization", owner.name},
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
    route.id = new_id;
    route.status = "active";
    route.trunk_id = trunk_id(owner, trunk);
    work.try_change(owner, [&] { owner.routes.push_back(route); });
    const auto on = sql_boolean(route.recording_enabled);
    work.execute("add route " + route.name, R"(
        insert into outbound_routes (org_id, trunk_id, name, dial_pattern, strip_digits, prepend_digits,
            caller_id_override, priority, recording_enabled)
        values (cast(:org as uuid), cast(nullif(:trunk, '') as uuid), :name, :pattern, :strip, :prepend,
            nullif(:caller, ''), :priority, cast(:recording as boolean)))",
                 owner.id, route.trunk_id, route.name, route.dial_pattern, route.strip_digits, route.prepend_digits,
                 route.caller_id_override, route.priority, on);
    warn_if_unrecorded(RowKind::route, route.name, owner, route.recording_enabled);
    if (context.json)
        print_json({{"organization", owner.name},
                    {"name", route.name},
                    {"pattern", route.dial_pattern},
                    {"recording", route.recording_enabled.value_or(true)}});
    return Exit::ok;
}

Exit add_trunk(const Context& context, const std::string& organization, const tenants::Trunk& given) {
    require_name(given.name, "name");
    Provisioner work{context};
    auto& owner = work.organization(organization);
    require_new_name(owner, RowKind::trunk, given.name);
    auto trunk = given;
    trunk.id = new_id;
    trunk.status = "active";
    trunk.approved_at = just_approved; // by the operator who adds it
    work.try_change(owner, [&] { owner.trunks.push_back(trunk); });
    work.execute("add trunk " + trunk.name, R"(
        insert into sip_trunks (org_id, name, host, port, transport, trunk_type, username, password, approved_at)
        values (cast(:org as uuid), :name, :host, :port, :transport, :type, nullif(:username, ''),
            nullif(:password, ''), now()))",
                 owner.id, trunk.name, trunk.host, trunk.port, trunk.transport, trunk.trunk_type, trunk.username,
                 trunk.password);
    if (context.json)
        print_json({{"organization", owner.name}, {"name", trunk.name}, {"host", trunk.host}, {"port", trunk.port}});
    return Exit::ok;
}

} // namespace pbx::provision

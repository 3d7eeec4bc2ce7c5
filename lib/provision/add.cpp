// New organizations and rows: what the dialplan would leave out for its text is refused before it is written.
#include "base/name.hpp"
#include "base/printable.hpp"
#include "base/words.hpp"
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
        refuse("has control characters");
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

} // namespace

Exit add_organization(const Context& context, const std::string& name, const std::string& given, bool recording) {
    require_name(name, "name");
    const auto prefix = given.empty() ? make_prefix() : given;
    if (prefix.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos)
        throw Error{Exit::usage,
                    fmt::format("the prefix \"{}\" has more than a-z, 0-9 and _", printable(shown(prefix))),
                    "it begins the name of everything that Asterisk knows of the organization"};
    Provisioner work{context};
    for (const auto& other : work.all())
        if (other.name == name || other.context_prefix == prefix)
            throw Error{Exit::usage,
                        fmt::format("an organization with the {} {} exists already",
                                    other.name == name ? "name" : "prefix",
                                    printable(other.name == name ? name : prefix)),
                        other.status == "active" ? "" : "its status is " + other.status + "; pbx-provision org resume"};
    Organization candidate;
    candidate.id = new_id;
    candidate.name = name;
    candidate.context_prefix = prefix;
    candidate.status = "active";
    work.attempt(candidate);
    const auto id = work.insert_organization(name, prefix, recording);
    if (!recording)
        words::warn("calls of {} will not be recorded", printable(name));
    if (context.json)
        print({{"id", id}, {"name", name}, {"context_prefix", prefix}, {"recording", recording}});
    else
        fmt::print("{}\t{}\n", id, prefix);
    return Exit::ok;
}

Exit add_user(const Context& context, const std::string& organization, tenants::User user,
              const std::string& username) {
    require_texts({{"extension", user.extension}, {"name", user.full_name}, {"username", username}});
    Provisioner work{context};
    auto& owner = work.organization(organization);
    if (find(owner.users, &tenants::User::extension, user.extension) != nullptr)
        throw taken(Kind::user, user.extension, owner, owner);
    user.id = new_id;
    user.status = "active";
    user.ring_target = user.phone_number.empty() ? "ext" : "phone";
    const bool made = user.sip_password.empty() && user.ring_target == "ext";
    if (made)
        user.sip_password = make_password();
    user.username = username.empty() ? user.extension : username;
    const auto endpoint =
        user.asterisk_endpoint.empty() ? owner.context_prefix + "_" + user.extension : user.asterisk_endpoint;
    if (const auto fault = dialplan::password_fault(user, endpoint); !fault.empty() && !user.sip_password.empty())
        throw Error{Exit::usage, fmt::format("the password of user {} {}", printable(user.extension), fault),
                    "without --password one is made up that nobody can guess"};
    work.attempt(owner, [&] { owner.users.push_back(user); });
    const auto on = boolean(user.recording_enabled);
    work.execute("add user " + user.extension, R"(
        insert into users (org_id, username, extension, full_name, sip_password, asterisk_endpoint, ring_target,
            phone_number, recording_enabled)
        values (cast(:org as uuid), :username, :extension, :name, nullif(:password, ''), nullif(:endpoint, ''),
            :target, nullif(:phone, ''), cast(:recording as boolean)))",
                 owner.id, user.username, user.extension, user.full_name, user.sip_password, user.asterisk_endpoint,
                 user.ring_target, user.phone_number, on);
    warn_of_silence(Kind::user, user.extension, owner, user.recording_enabled);
    if (context.json)
        print({{"organization", owner.name},
               {"extension", user.extension},
               {"sip_password", or_null(user.sip_password)},
               {"recording", user.recording_enabled.value_or(true)}});
    else if (made)
        fmt::print("{}\t{}\n", user.extension, user.sip_password);
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
                throw taken(Kind::did, given.number, owner, other);
    auto did = given;
    did.id = new_id;
    did.status = "active";
    const auto trunk_key = trunk_id(owner, trunk);
    work.attempt(owner, [&] { owner.dids.push_back(did); });
    const auto on = boolean(did.recording_enabled);
    work.execute("add did " + did.number, R"(
        insert into did_numbers (org_id, trunk_id, number, routing_type, routing_destination, recording_enabled)
        values (cast(:org as uuid), cast(nullif(:trunk, '') as uuid), :number, :type, :destination,
            cast(:recording as boolean)))",
                 owner.id, trunk_key, did.number, did.routing_type, did.routing_destination, on);
    warn_of_silence(Kind::did, did.number, owner, did.recording_enabled);
    if (context.json)
        print({{"organization", owner.name},
               {"number", did.number},
               {"leads_to", did.routing_type},
               {"destination", did.routing_destination},
               {"recording", did.recording_enabled.value_or(true)}});
    return Exit::ok;
}

Exit add_queue(const Context& context, const std::string& organization, const tenants::Queue& given) {
    require_texts({{"name", given.name}});
    Provisioner work{context};
    auto& owner = work.organization(organization);
    if (find(owner.queues, &tenants::Queue::number, given.number) != nullptr)
        throw taken(Kind::queue, given.number, owner, owner);
    auto queue = given;
    queue.id = new_id;
    queue.status = "active";
    work.attempt(owner, [&] { owner.queues.push_back(queue); });
    const auto on = boolean(queue.recording_enabled);
    work.execute("add queue " + queue.number, R"(
        insert into queues (org_id, number, name, strategy, timeout, retry, max_wait_time, music_on_hold,
            timeout_destination, timeout_destination_type, recording_enabled)
        values (cast(:org as uuid), :number, :name, :strategy, :timeout, :retry, :wait, :music,
            nullif(:destination, ''), nullif(:type, ''), cast(:recording as boolean)))",
                 owner.id, queue.number, queue.name, queue.strategy, queue.timeout, queue.retry, queue.max_wait_time,
                 queue.music_on_hold, queue.timeout_destination, queue.timeout_destination_type, on);
    warn_of_silence(Kind::queue, queue.number, owner, queue.recording_enabled);
    if (context.json)
        print({{"organization", owner.name},
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
    if (find(owner.routes, &tenants::Route::name, route.name) != nullptr)
        throw taken(Kind::route, route.name, owner, owner);
    route.id = new_id;
    route.status = "active";
    route.trunk_id = trunk_id(owner, trunk);
    work.attempt(owner, [&] { owner.routes.push_back(route); });
    const auto on = boolean(route.recording_enabled);
    work.execute("add route " + route.name, R"(
        insert into outbound_routes (org_id, trunk_id, name, dial_pattern, strip_digits, prepend_digits,
            caller_id_override, priority, recording_enabled)
        values (cast(:org as uuid), cast(nullif(:trunk, '') as uuid), :name, :pattern, :strip, :prepend,
            nullif(:caller, ''), :priority, cast(:recording as boolean)))",
                 owner.id, route.trunk_id, route.name, route.dial_pattern, route.strip_digits, route.prepend_digits,
                 route.caller_id_override, route.priority, on);
    warn_of_silence(Kind::route, route.name, owner, route.recording_enabled);
    if (context.json)
        print({{"organization", owner.name},
               {"name", route.name},
               {"pattern", route.dial_pattern},
               {"recording", route.recording_enabled.value_or(true)}});
    return Exit::ok;
}

Exit add_trunk(const Context& context, const std::string& organization, const tenants::Trunk& given) {
    require_name(given.name, "name");
    Provisioner work{context};
    auto& owner = work.organization(organization);
    if (find(owner.trunks, &tenants::Trunk::name, given.name) != nullptr)
        throw taken(Kind::trunk, given.name, owner, owner);
    auto trunk = given;
    trunk.id = new_id;
    trunk.status = "active";
    trunk.approved_at = newest; // by the operator who adds it
    work.attempt(owner, [&] { owner.trunks.push_back(trunk); });
    work.execute("add trunk " + trunk.name, R"(
        insert into sip_trunks (org_id, name, host, port, transport, trunk_type, username, password, approved_at)
        values (cast(:org as uuid), :name, :host, :port, :transport, :type, nullif(:username, ''),
            nullif(:password, ''), now()))",
                 owner.id, trunk.name, trunk.host, trunk.port, trunk.transport, trunk.trunk_type, trunk.username,
                 trunk.password);
    if (context.json)
        print({{"organization", owner.name}, {"name", trunk.name}, {"host", trunk.host}, {"port", trunk.port}});
    return Exit::ok;
}

} // namespace pbx::provision

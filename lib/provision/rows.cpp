// Plain look-ups: an organization has tens of rows of a kind, seldom thousands.
#include "provision/rows.hpp"

#include "base/name.hpp"
#include "base/printable.hpp"
#include "base/words.hpp"
#include "dialplan/identity.hpp"

#include <fmt/format.h>

namespace pbx::provision {

namespace {

Error missing(Kind kind, const std::string& name, const Organization& owner) {
    return {Exit::no_input, fmt::format("{} has no {} {}", name_of(owner), of(kind).word, printable(shown(name))),
            fmt::format("pbx-provision {} list --org {} shows them", of(kind).word, owner.context_prefix)};
}

// A DID is known by its digits; a text without any only by itself.
bool same_number(const std::string& a, const std::string& b) {
    const auto digits = dialplan::canonical_number(a);
    return !digits.empty() && digits == dialplan::canonical_number(b);
}

} // namespace

KindOfRow of(Kind kind) {
    switch (kind) {
    case Kind::user:
        return {"user", "users", "extension"};
    case Kind::did:
        return {"did", "did_numbers", "number"};
    case Kind::queue:
        return {"queue", "queues", "number"};
    case Kind::route:
        return {"route", "outbound_routes", "name"};
    case Kind::trunk:
        return {"trunk", "sip_trunks", "name"};
    }
    return {"", "", ""};
}

std::string name_of(const Organization& organization) {
    return printable(organization.name);
}

Error taken(Kind kind, const std::string& name, const Organization& wanting, const Organization& owner) {
    return {&wanting == &owner ? Exit::usage : Exit::data,
            fmt::format("{} {} exists already, in {}{}", of(kind).word, printable(name), name_of(owner),
                        owner.status == "active" ? "" : fmt::format(" ({})", owner.status)),
            fmt::format("pbx-provision {} list --org {} shows it", of(kind).word, owner.context_prefix)};
}

void warn_of_silence(Kind kind, const std::string& name, const Organization& owner, tenants::RecordingFlag own) {
    if (!own.value_or(true))
        words::warn("calls at {} {} of {} will not be recorded", of(kind).word, printable(name), name_of(owner));
    else if (!owner.recording_enabled.value_or(true))
        words::warn("{} {} of {} is not recorded all the same: the organization's own switch is off", of(kind).word,
                    printable(name), name_of(owner));
}

std::string boolean(tenants::RecordingFlag recording) {
    return recording.value_or(true) ? "true" : "false";
}

std::string trunk_id(const Organization& owner, const std::string& name) {
    if (name.empty())
        return {};
    const auto* trunk = find(owner.trunks, &tenants::Trunk::name, name);
    if (trunk == nullptr)
        throw missing(Kind::trunk, name, owner);
    return trunk->id;
}

const tenants::User& user_of(const Organization& owner, const std::string& extension) {
    const auto* user = find(owner.users, &tenants::User::extension, extension);
    if (user == nullptr)
        throw missing(Kind::user, extension, owner);
    return *user;
}

const tenants::Queue& queue_of(const Organization& owner, const std::string& number) {
    const auto* queue = find(owner.queues, &tenants::Queue::number, number);
    if (queue == nullptr)
        throw missing(Kind::queue, number, owner);
    return *queue;
}

std::string stored_name(const Organization& owner, Kind kind, const std::string& name) {
    const auto of_rows = [&](const auto& rows, auto key) {
        for (const auto& row : rows)
            if (row.*key == name || (kind == Kind::did && same_number(row.*key, name)))
                return row.*key;
        throw missing(kind, name, owner);
    };
    switch (kind) {
    case Kind::user:
        return of_rows(owner.users, &tenants::User::extension);
    case Kind::did:
        return of_rows(owner.dids, &tenants::Did::number);
    case Kind::queue:
        return of_rows(owner.queues, &tenants::Queue::number);
    case Kind::route:
        return of_rows(owner.routes, &tenants::Route::name);
    case Kind::trunk:
        return of_rows(owner.trunks, &tenants::Trunk::name);
    }
    return {};
}

void remove_from(Organization& owner, Kind kind, const std::string& name) {
    const auto erase = [&](auto& rows, auto key) {
        std::erase_if(rows, [&](const auto& row) { return row.*key == name; });
    };
    switch (kind) {
    case Kind::user:
        return erase(owner.users, &tenants::User::extension);
    case Kind::did:
        return erase(owner.dids, &tenants::Did::number);
    case Kind::queue:
        return erase(owner.queues, &tenants::Queue::number);
    case Kind::route:
        return erase(owner.routes, &tenants::Route::name);
    case Kind::trunk:
        return erase(owner.trunks, &tenants::Trunk::name);
    }
}

} // namespace pbx::provision

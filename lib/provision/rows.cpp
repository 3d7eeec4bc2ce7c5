// Linear searches: an organization has tens of rows of a kind, seldom thousands.
#include "provision/rows.hpp"

#include "base/log.hpp"
#include "base/name.hpp"
#include "base/printable.hpp"
#include "dialplan/identity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace pbx::provision {

namespace {

Error not_found(RowKind kind, const std::string& name, const Organization& owner) {
    const auto* word = tenants::names_of(kind).word;
    return {Exit::no_input, fmt::format("{} has no {} {}", name_of(owner), word, printable(shown(name))),
            fmt::format("pbx-provision {} list --org {} shows all of them", word, owner.context_prefix)};
}

// Two spellings of one DID have the same digits; a text without digits equals only itself.
bool same_number(const std::string& a, const std::string& b) {
    const auto digits = dialplan::canonical_number(a);
    return !digits.empty() && digits == dialplan::canonical_number(b);
}

} // namespace

std::string name_of(const Organization& organization) {
    return printable(organization.name);
}

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

void require_name(const std::string& text, const char* what) {
    if (text.find_first_not_of(' ') == std::string::npos)
        throw Error{Exit::usage, fmt::format("the {} is empty", what)};
    require_text(text, what);
}

void require_clear_name(const Organization& wanted, bool is_new, const std::vector<Organization>& all) {
    const auto refuse_if = [](bool is_taken, const char* what, const std::string& text, const char* of_other,
                              const Organization& other) {
        if (!is_taken)
            return;
        const auto hint = other.status == "active" ? "pbx-provision org list shows all of them"
                                                   : "its status is " + other.status + "; pbx-provision org resume";
        if (std::string_view{what} == of_other)
            throw Error{Exit::usage,
                        fmt::format("an organization with the {} {} exists already", what, printable(text)), hint};
        throw Error{
            Exit::usage,
            fmt::format("the {} {} is the {} of organization {}", what, printable(text), of_other, name_of(other)),
            hint};
    };
    for (const auto& other : all) {
        if (other.id == wanted.id)
            continue;
        const auto& name = wanted.name;
        const auto& prefix = wanted.context_prefix;
        refuse_if(name == other.name, "name", name, "name", other);
        refuse_if(is_new && prefix == other.context_prefix, "prefix", prefix, "prefix", other);
        refuse_if(name == other.context_prefix, "name", name, "prefix", other);
        refuse_if(name == other.id, "name", name, "id", other);
        refuse_if(is_new && prefix == other.name, "prefix", prefix, "name", other);
    }
}

Error already_exists(RowKind kind, const std::string& name, const Organization& wanting, const Organization& holder) {
    const auto* word = tenants::names_of(kind).word;
    return {&wanting == &holder ? Exit::usage : Exit::data,
            fmt::format("{} {} exists already, in {}{}", word, printable(name), name_of(holder),
                        holder.status == "active" ? "" : fmt::format(" ({})", holder.status)),
            fmt::format("pbx-provision {} list --org {} shows it", word, holder.context_prefix)};
}

void require_new_name(const Organization& owner, RowKind kind, const std::string& name) {
    tenants::visit_rows(owner, kind, [&](const auto& description, const auto& rows) {
        if (find(rows, description.name, name) != nullptr)
            throw already_exists(kind, name, owner, owner);
    });
}

void warn_if_unrecorded(RowKind kind, const std::string& name, const Organization& owner, tenants::RecordingFlag own) {
    const auto* word = tenants::names_of(kind).word;
    // Who is called decides: a user's own calls are recorded as the other extension or the route says.
    const auto calls = fmt::format("calls {} {} {} of {} will not be recorded", kind == RowKind::route ? "over" : "to",
                                   word, printable(name), name_of(owner));
    if (!own.value_or(true))
        log::warn("{}", calls);
    else if (!owner.recording_enabled.value_or(true))
        log::warn("{}: recording is off for the whole organization", calls);
}

std::string trunk_id(const Organization& owner, const std::string& name) {
    if (name.empty())
        return {};
    const auto* trunk = find(owner.trunks, &tenants::Trunk::name, name);
    if (trunk == nullptr)
        throw not_found(RowKind::trunk, name, owner);
    return trunk->id;
}

const tenants::User& user_of(const Organization& owner, const std::string& extension) {
    const auto* user = find(owner.users, &tenants::User::extension, extension);
    if (user == nullptr)
        throw not_found(RowKind::user, extension, owner);
    return *user;
}

const tenants::Queue& queue_of(const Organization& owner, const std::string& number) {
    const auto* queue = find(owner.queues, &tenants::Queue::number, number);
    if (queue == nullptr)
        throw not_found(RowKind::queue, number, owner);
    return *queue;
}

std::vector<std::string> queues_of(const Organization& owner, const tenants::User& user) {
    std::vector<std::string> numbers;
    for (const auto& queue : owner.queues)
        if (std::any_of(queue.members.begin(), queue.members.end(),
                        [&](const tenants::Member& member) { return member.user_id == user.id; }))
            numbers.push_back(queue.number);
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

bool is_same_name(RowKind kind, const std::string& one, const std::string& other) {
    return one == other || (kind == RowKind::did && same_number(one, other));
}

std::string stored_name(const Organization& owner, RowKind kind, const std::string& name) {
    std::optional<std::string> found;
    tenants::visit_rows(owner, kind, [&](const auto& description, const auto& rows) {
        for (const auto& row : rows)
            if (const auto& stored = row.*description.name; !found && is_same_name(kind, stored, name))
                found = stored;
    });
    if (!found)
        throw not_found(kind, name, owner);
    return *found;
}

void remove_from(Organization& owner, RowKind kind, const std::string& name) {
    tenants::visit_rows(owner, kind, [&](const auto& description, auto& rows) {
        std::erase_if(rows, [&](const auto& row) { return row.*description.name == name; });
    });
}

} // namespace pbx::provision

#include "provision/fields.hpp"

#include "base/error.hpp"
#include "base/printable.hpp"
#include "dialplan/consent.hpp"
#include "dialplan/phone_settings.hpp"
#include "dialplan/recording_settings.hpp"
#include "dialplan/row_checks.hpp"
#include "provision/given_json.hpp"
#include "provision/provisioner.hpp"
#include "provision/rows.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace pbx::provision {

namespace {

using tenants::Did;
using tenants::Queue;
using tenants::Route;
using tenants::Trunk;
using tenants::User;

Error unfit(const std::string& field, const Json& given, const std::string& wanted) {
    return {Exit::usage, fmt::format("{}: {} is not {}", field, printable(given.dump()), wanted),
            "pbx-provision(1) lists what each field may hold"};
}

// "a, b or c"
std::string join_choices(const std::vector<std::string>& choices) {
    return fmt::format("{} or {}", fmt::join(choices.begin(), choices.end() - 1, ", "), choices.back());
}

bool is_nothing(const Json& given) {
    return given.is_null() || (given.is_string() && given.get<std::string>().empty());
}

std::string to_text(const std::string& field, const Json& given) {
    if (is_nothing(given))
        return {};
    if (given.is_number_integer())
        return given.dump();
    if (!given.is_string())
        throw unfit(field, given, "a text");
    auto text = given.get<std::string>();
    require_text(text, field.c_str());
    return text;
}

int to_number(const std::string& field, const Json& given) {
    const auto text = given.is_number_integer() ? given.dump() : to_text(field, given);
    int number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc{} || end != text.data() + text.size())
        throw unfit(field, given, "a number");
    return number;
}

bool to_switch(const std::string& field, const Json& given) {
    if (given.is_boolean())
        return given.get<bool>();
    const auto text = to_text(field, given);
    for (const char* yes : {"on", "true", "yes"})
        if (text == yes)
            return true;
    for (const char* no : {"off", "false", "no"})
        if (text == no)
            return false;
    throw unfit(field, given, "on or off");
}

template <typename Row>
Field<Row> text(const char* name, const char* column, std::string Row::*member) {
    return {name, column, fmt::format("coalesce(j->>'{}', '')", name),
            [member](const Organization&, const Row& row) { return Json(row.*member); },
            [member, name](const Organization&, Row& row, const Json& given) { row.*member = to_text(name, given); }};
}

// A text that is NULL in the database when it is empty.
template <typename Row>
Field<Row> optional_text(const char* name, const char* column, std::string Row::*member) {
    auto field = text(name, column, member);
    field.value = fmt::format("nullif(j->>'{}', '')", name);
    field.get = [member](const Organization&, const Row& row) { return or_null(row.*member); };
    return field;
}

// The dialplan has only rows that are "active", so a value that nothing knows would remove one without a word.
template <typename Row>
Field<Row> status(std::vector<std::string> choices) {
    auto field = text("status", "status", &Row::status);
    field.set = [choices = std::move(choices)](const Organization&, Row& row, const Json& given) {
        auto wanted = to_text("status", given);
        if (std::find(choices.begin(), choices.end(), wanted) == choices.end())
            throw unfit("status", given, join_choices(choices));
        row.status = std::move(wanted);
    };
    return field;
}

template <typename Row>
Field<Row> secret(const char* name, const char* column, std::string Row::*member) {
    auto field = optional_text(name, column, member);
    field.is_secret = true;
    return field;
}

template <typename Row>
Field<Row> claim(Field<Row> field) {
    field.is_claim = true;
    return field;
}

template <typename Row>
Field<Row> number(const char* name, const char* column, int Row::*member) {
    return {name, column, fmt::format("cast(j->>'{}' as integer)", name),
            [member](const Organization&, const Row& row) { return Json(row.*member); },
            [member, name](const Organization&, Row& row, const Json& given) { row.*member = to_number(name, given); }};
}

template <typename Row>
Field<Row> recording(const char* column) {
    return {"recording", column, "cast(j->>'recording' as boolean)",
            [](const Organization&, const Row& row) { return json_of(row.recording_enabled); },
            [](const Organization&, Row& row, const Json& given) {
                row.recording_enabled = is_nothing(given) ? tenants::RecordingFlag{}
                                                          : tenants::RecordingFlag{to_switch("recording", given)};
            }};
}

template <typename Row>
Field<Row> trunk() {
    return {"trunk", "trunk_id",
            "(select t.id from sip_trunks t where t.org_id = cast(org as uuid) and t.name = j->>'trunk')",
            [](const Organization& owner, const Row& row) {
                const auto* found = find(owner.trunks, &Trunk::id, row.trunk_id);
                return found == nullptr ? Json(nullptr) : Json(found->name);
            },
            [](const Organization& owner, Row& row, const Json& given) {
                row.trunk_id = trunk_id(owner, to_text("trunk", given));
            }};
}

Json json_members(const Organization& owner, const Queue& queue) {
    auto members = Json::array();
    for (const auto& member : queue.members)
        if (const auto* user = find(owner.users, &User::id, member.user_id)) {
            Json item{{"extension", user->extension}, {"penalty", member.penalty}};
            if (member.paused)
                item["paused"] = true;
            members.push_back(std::move(item));
        }
    std::sort(members.begin(), members.end(),
              [](const Json& one, const Json& other) { return one["extension"] < other["extension"]; });
    return members;
}

// {"extension": "1001", "penalty": 1}, "1001", "1001:1", or "1001:1:paused".
tenants::Member member_of(const Organization& owner, const Json& given) {
    tenants::Member member;
    if (given.is_object()) {
        member.user_id = user_of(owner, to_text("members", given.value("extension", Json(nullptr)))).id;
        member.penalty = to_number("penalty", given.value("penalty", Json(0)));
        member.paused = to_switch("paused", given.value("paused", Json(false)));
        return member;
    }
    auto text = to_text("members", given);
    constexpr std::string_view paused = ":paused";
    const auto colon = text.find(':');
    if (text.ends_with(paused) && text.size() - paused.size() > colon) {
        member.paused = true;
        text.resize(text.size() - paused.size());
    }
    member.user_id = user_of(owner, text.substr(0, colon)).id;
    if (colon != std::string::npos)
        member.penalty = to_number("penalty", Json(text.substr(colon + 1)));
    return member;
}

// A list, or a text with blanks between the members.
void set_members(const Organization& owner, Queue& queue, const Json& given) {
    auto list = given.is_array() ? given : Json::array();
    if (!given.is_array()) {
        const auto text = to_text("members", given);
        for (std::size_t at = 0; at < text.size();) {
            const auto end = std::min(text.find(' ', at), text.size());
            if (end > at)
                list.push_back(text.substr(at, end - at));
            at = end + 1;
        }
    }
    queue.members.clear();
    for (const auto& each : list) {
        auto member = member_of(owner, each);
        const bool is_known = std::any_of(queue.members.begin(), queue.members.end(),
                                          [&](const auto& other) { return other.user_id == member.user_id; });
        if (is_known)
            throw Error{Exit::usage, "members: " + printable(each.dump()) + " is named twice"};
        queue.members.push_back(std::move(member));
    }
}

// "1001 1002:1 1003:0:paused"
std::string members_text(const Json& members) {
    std::string text;
    for (const auto& member : members) {
        text += (text.empty() ? "" : " ") + member["extension"].get<std::string>();
        const bool is_paused = member.contains("paused");
        if (member["penalty"] != 0 || is_paused)
            text += ":" + member["penalty"].dump();
        if (is_paused)
            text += ":paused";
    }
    return text;
}

bool is_list_of_texts(const Json& value) {
    return value.is_array() &&
           std::all_of(value.begin(), value.end(), [](const Json& each) { return each.is_string(); });
}

std::string setting_json(const std::string& name, const Json& given, bool is_number) {
    if (!is_number && is_list_of_texts(given))
        return given.dump();
    const auto text = to_text(name, given);
    if (text.empty() || text == "default" || (is_number && text == "none"))
        return {};
    return (is_number ? Json(to_number(name, given)) : Json(text)).dump();
}

// A setting that the organization holds as JSON; "default" and "none" stand for nothing. `fault_of` is given that JSON.
Field<Organization> setting(const char* name, const char* column, std::string Organization::*member, bool is_number,
                            std::string (*fault_of)(const std::string&)) {
    return {name, column, fmt::format("j->'{}'", name),
            [member](const Organization&, const Organization& row) {
                auto value = parse_json(row.*member);
                return value.is_discarded() ? Json(nullptr) : value;
            },
            [member, name, is_number, fault_of](const Organization&, Organization& row, const Json& given) {
                auto json = setting_json(name, given, is_number);
                // pbx-dialplan-gen does without a setting that is faulty, so a fault that was there may hide this one.
                if (const auto fault = fault_of(json); !fault.empty())
                    throw Error{Exit::usage, fmt::format("{}: {}", name, fault),
                                "pbx-provision(1) lists what each field may hold"};
                row.*member = std::move(json);
            }};
}

Field<Did> answers() {
    return {"answers", "answers", "cast(j->>'answers' as boolean)",
            [](const Organization&, const Did& did) { return Json(did.answers); },
            [](const Organization&, Did& did, const Json& given) { did.answers = to_switch("answers", given); }};
}

Field<Queue> members() {
    return {"members", "", "", json_members, set_members};
}

Field<Trunk> approved() {
    return {"approved", "approved_at", "case when cast(j->>'approved' as boolean) then clock_timestamp() end",
            [](const Organization&, const Trunk& trunk) { return Json(trunk.approved_at.has_value()); },
            [](const Organization&, Trunk& trunk, const Json& given) {
                if (to_switch("approved", given) != trunk.approved_at.has_value())
                    trunk.approved_at = trunk.approved_at ? std::optional<tenants::Timestamp>{} : just_approved;
            }};
}

} // namespace

std::string text_of(const std::string& field, const Json& value) {
    if (value.is_null())
        return {};
    if (value.is_boolean())
        return value.get<bool>() ? "on" : "off";
    if (field == "members")
        return members_text(value);
    if (is_list_of_texts(value))
        return fmt::format("{}", fmt::join(value.get<std::vector<std::string>>(), ","));
    return value.is_string() ? value.get<std::string>() : value.dump();
}

template <>
const std::vector<Field<Organization>>& fields_of() {
    static const std::vector<Field<Organization>> fields{
        text("name", "name", &Organization::name),
        claim(text("prefix", "context_prefix", &Organization::context_prefix)),
        status<Organization>({"active", "suspended", "deleted"}),
        [] {
            auto field = recording<Organization>("settings.recording_enabled");
            field.value = "j->'recording'";
            return field;
        }(),
        setting("calls", "limits.max_channels", &Organization::max_channels, true, dialplan::limit_fault),
        setting("max_contacts", "settings.max_contacts", &Organization::max_contacts, true, dialplan::contacts_fault),
        setting("codecs", "settings.codecs", &Organization::codecs, false, dialplan::codecs_fault),
        setting("channels", "settings.recording_channels", &Organization::recording_channels, true,
                dialplan::channels_fault),
        setting("rate", "settings.recording_rate", &Organization::recording_rate, true, dialplan::rate_fault),
        setting("consent", "settings.recording_consent", &Organization::recording_consent, false,
                dialplan::consent_fault),
        setting("consent_prompt", "settings.consent_prompt", &Organization::consent_prompt, false,
                dialplan::prompt_fault),
    };
    return fields;
}

template <>
const std::vector<Field<User>>& fields_of() {
    static const std::vector<Field<User>> fields{
        claim(text("extension", "extension", &User::extension)),
        text("name", "full_name", &User::full_name),
        text("username", "username", &User::username),
        secret("password", "sip_password", &User::sip_password),
        claim(optional_text("endpoint", "asterisk_endpoint", &User::asterisk_endpoint)),
        text("rings", "ring_target", &User::ring_target),
        optional_text("phone", "phone_number", &User::phone_number),
        status<User>({"active", "inactive"}),
        recording<User>("recording_enabled"),
    };
    return fields;
}

template <>
const std::vector<Field<Did>>& fields_of() {
    static const std::vector<Field<Did>> fields{
        claim(text("number", "number", &Did::number)),
        text("leads_to", "routing_type", &Did::routing_type),
        text("destination", "routing_destination", &Did::routing_destination),
        trunk<Did>(),
        answers(),
        status<Did>({"active", "inactive"}),
        recording<Did>("recording_enabled"),
    };
    return fields;
}

template <>
const std::vector<Field<Queue>>& fields_of() {
    static const std::vector<Field<Queue>> fields{
        claim(text("number", "number", &Queue::number)),
        text("name", "name", &Queue::name),
        text("strategy", "strategy", &Queue::strategy),
        number("ring", "timeout", &Queue::timeout),
        number("retry", "retry", &Queue::retry),
        number("max_wait", "max_wait_time", &Queue::max_wait_time),
        text("music", "music_on_hold", &Queue::music_on_hold),
        optional_text("overflow_to", "timeout_destination_type", &Queue::timeout_destination_type),
        optional_text("overflow", "timeout_destination", &Queue::timeout_destination),
        claim(optional_text("queue_name", "asterisk_queue_name", &Queue::asterisk_queue_name)),
        status<Queue>({"active", "inactive"}),
        recording<Queue>("recording_enabled"),
        members(),
    };
    return fields;
}

template <>
const std::vector<Field<Route>>& fields_of() {
    static const std::vector<Field<Route>> fields{
        text("name", "name", &Route::name),
        trunk<Route>(),
        text("pattern", "dial_pattern", &Route::dial_pattern),
        number("strip", "strip_digits", &Route::strip_digits),
        text("prepend", "prepend_digits", &Route::prepend_digits),
        optional_text("caller_id", "caller_id_override", &Route::caller_id_override),
        number("priority", "priority", &Route::priority),
        status<Route>({"active", "inactive"}),
        recording<Route>("recording_enabled"),
    };
    return fields;
}

template <>
const std::vector<Field<Trunk>>& fields_of() {
    static const std::vector<Field<Trunk>> fields{
        claim(text("name", "name", &Trunk::name)),
        claim(text("host", "host", &Trunk::host)),
        number("port", "port", &Trunk::port),
        text("transport", "transport", &Trunk::transport),
        claim(text("type", "trunk_type", &Trunk::trunk_type)),
        optional_text("username", "username", &Trunk::username),
        secret("password", "password", &Trunk::password),
        claim(optional_text("peer_name", "asterisk_peer_name", &Trunk::asterisk_peer_name)),
        status<Trunk>({"active", "inactive"}),
        approved(),
    };
    return fields;
}

} // namespace pbx::provision

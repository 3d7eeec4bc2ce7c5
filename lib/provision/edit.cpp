#include "provision/edit.hpp"

#include "base/log.hpp"
#include "base/printable.hpp"
#include "provision/changes.hpp"
#include "provision/new_rows.hpp"
#include "provision/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace pbx::provision {

namespace {

// What led to a row by its old name or number leads to it still.
void rename_references(Organization& owner, RowKind kind, const std::string& from, const std::string& to) {
    const std::string word = kind == RowKind::user ? "extension" : "queue";
    if (from == to || (kind != RowKind::user && kind != RowKind::queue))
        return;
    for (auto& did : owner.dids)
        if (did.routing_type == word && did.routing_destination == from)
            did.routing_destination = to;
    for (auto& queue : owner.queues)
        if (queue.timeout_destination_type == word && queue.timeout_destination == from)
            queue.timeout_destination = to;
}

using Names = std::set<std::string>;

void set_dependent_fields(tenants::User& user, const Given& given, const Names& set) {
    if (set.contains("phone") && !given.contains("rings"))
        user.ring_target = user.phone_number.empty() ? "ext" : "phone";
}

void set_dependent_fields(tenants::Queue& queue, const Given& /*given*/, const Names& set) {
    if (set.contains("overflow") && queue.timeout_destination.empty())
        queue.timeout_destination_type.clear();
}

template <typename Row>
void set_dependent_fields(Row& /*row*/, const Given& /*given*/, const Names& /*set*/) {}

void warn_about_login(const Organization& owner, const tenants::User& before, const tenants::User& after) {
    if (before.extension != after.extension && after.asterisk_endpoint.empty() && after.ring_target == "ext")
        log::warn("the phone of user {} of {} must log in as {}_{} from now on", printable(after.extension),
                  name_of(owner), owner.context_prefix, printable(after.extension));
}

template <typename Row>
void warn_about_login(const Organization& /*owner*/, const Row& /*before*/, const Row& /*after*/) {}

// One that is stored may stay as it is.
void check_password(const Organization& owner, const tenants::User& before, const tenants::User& after) {
    if (before.sip_password != after.sip_password)
        require_strong_password(after, owner);
}

template <typename Row>
void check_password(const Organization& /*owner*/, const Row& /*before*/, const Row& /*after*/) {}

// Of those that are new or renamed.
void require_clear_names(const std::vector<Organization>& before, const std::vector<Organization>& all) {
    for (const auto& each : all)
        if (const auto* known = find(before, &Organization::id, each.id); known == nullptr || known->name != each.name)
            require_clear_name(each, known == nullptr, all);
}

// In CSV each value is a text, and printable.
bool has_value(const Json& stored, const std::string& field, const Json& given) {
    if (stored == given || !given.is_string())
        return stored == given;
    const auto text = text_of(field, stored);
    return given == text || given == printable(text);
}

} // namespace

template <typename Row>
void set_fields(const Organization& owner, Row& row, const Given& given, const char* kind, Known known) {
    const auto& key = fields_of<Row>().front();
    const auto key_before = key.get(owner, row);
    Names set;
    for (const auto& [name, value] : given.items()) {
        const auto* field = find_field<Row>(name);
        if (field == nullptr) {
            std::string names;
            for (const auto& each : fields_of<Row>())
                names += (names.empty() ? "" : " ") + each.name;
            throw Error{Exit::usage, fmt::format("a {} has no field \"{}\"", kind, printable(name)),
                        "its fields are: " + names};
        }
        if (known == Known::check || !has_value(field->get(owner, row), name, value)) {
            field->set(owner, row, value);
            set.insert(name);
        }
    }
    if (const auto name = key.get(owner, row); known == Known::check || name != key_before)
        require_name(name.template get<std::string>(), key.name.c_str());
    set_dependent_fields(row, given, set);
}

void set_organization_fields(Organization& owner, const Given& given, Known known) {
    const auto prefix = owner.context_prefix;
    set_fields(owner, owner, given, "org", known);
    if (!prefix.empty() && owner.context_prefix != prefix)
        throw Error{Exit::usage, fmt::format("the prefix of {} cannot change", name_of(owner)),
                    "files, endpoints and CDR rows have it in their names"};
}

void set_row_fields(Organization& owner, RowKind kind, const std::string& stored, const Given& given, Known known) {
    tenants::visit_rows(owner, kind, [&](const auto& description, auto& rows) {
        const auto row =
            std::find_if(rows.begin(), rows.end(), [&](const auto& each) { return each.*description.name == stored; });
        const auto before = *row;
        set_fields(owner, *row, given, description.word, known);
        check_password(owner, before, *row);
        const auto& name = *row.*description.name;
        const auto same =
            std::count_if(rows.begin(), rows.end(), [&](const auto& each) { return each.*description.name == name; });
        if (same > 1 && name != stored)
            throw already_exists(kind, name, owner, owner);
        rename_references(owner, kind, stored, name);
        warn_about_login(owner, before, *row);
    });
}

void add_row(Organization& owner, RowKind kind, const Given& given) {
    tenants::visit_rows(owner, kind, [&](const auto& description, auto& rows) {
        using Row = typename std::remove_cvref_t<decltype(rows)>::value_type;
        auto row = new_row<Row>();
        row.id = make_id();
        set_fields(owner, row, given, description.word, Known::check);
        require_new_name(owner, kind, row.*description.name);
        if constexpr (std::is_same_v<Row, tenants::User>)
            complete_user(row, owner);
        rows.push_back(std::move(row));
    });
}

Exit carry_out(const Context& context, Provisioner& work, const std::function<void()>& edit) {
    const auto before = work.all();
    work.try_changes([&] {
        edit();
        require_clear_names(before, work.all());
        renew_claims(before, work.all());
    });
    const auto changes = compare(before, work.all());
    const auto effects = find_recording_effects(before, work.all());
    store(work, changes);
    for (const auto& effect : effects)
        log::warn("{}", describe(effect));
    if (context.dry_run || context.json)
        print_changes(changes, effects, context.json);
    return Exit::ok;
}

} // namespace pbx::provision

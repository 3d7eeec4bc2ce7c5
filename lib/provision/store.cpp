#include "provision/store.hpp"

#include "base/printable.hpp"

#include <fmt/format.h>

#include <map>
#include <string>
#include <utility>

namespace pbx::provision {

namespace {

// The fields' values after the change, by name, for Field::value.
std::string values_of(const RowChange& change) {
    Json values = Json::object();
    for (const auto& field : change.fields)
        values[field.name] = field.after;
    return values.dump();
}

// "column = value" for each column; of columns that hold several settings, only those that changed.
std::string assignments(const RowChange& change) {
    std::string list;
    std::map<std::string, std::pair<std::string, std::string>> documents; // column -> keys to remove, keys and values
    for (const auto& field : change.fields) {
        if (const auto dot = field.column.find('.'); dot != std::string::npos) {
            auto& [removed, added] = documents[field.column.substr(0, dot)];
            const auto key = "'" + field.column.substr(dot + 1) + "'";
            removed += " - " + key;
            added += (added.empty() ? "" : ", ") + key + ", " + field.value;
        } else if (!field.column.empty()) {
            list += fmt::format("{}{} = {}", list.empty() ? "" : ", ", field.column, field.value);
        }
    }
    for (const auto& [column, keys] : documents)
        list += fmt::format("{0}{1} = (case jsonb_typeof({1}) when 'object' then {1} else '{{}}' end{2}) || "
                            "jsonb_strip_nulls(jsonb_build_object({3}))",
                            list.empty() ? "" : ", ", column, keys.first, keys.second);
    return list;
}

constexpr const char* from_given = "(select cast(:fields as jsonb) as j, cast(:org as text) as org) given";

void update(Provisioner& work, const RowChange& change) {
    const auto list = assignments(change);
    if (list.empty())
        return;
    const auto fields = values_of(change);
    work.change_row(
        fmt::format("change {} {}", change.kind, printable(change.name)),
        fmt::format("update {0} set {1} from {2} where {0}.id = cast(:id as uuid)", change.table, list, from_given),
        fields, change.org, change.id);
}

// Its other columns have defaults, until update() sets them.
void insert(Provisioner& work, const RowChange& change) {
    const auto doing = fmt::format("add {} {}", change.kind, printable(change.name));
    const auto fields = values_of(change);
    std::string columns;
    std::string values;
    for (const auto& field : change.fields)
        if (!field.column.empty() && field.column.find('.') == std::string::npos) {
            columns += ", " + field.column;
            values += ", " + field.value;
        }
    const bool is_org = change.kind == "org";
    work.change_row(doing,
                    fmt::format("insert into {} (id{}{}) select cast(:id as uuid){}{} from {}", change.table,
                                is_org ? "" : ", org_id", columns, is_org ? "" : ", cast(org as uuid)", values,
                                from_given),
                    change.id, fields, change.org);
    if (is_org)
        update(work, change);
}

void store_members(Provisioner& work, const RowChange& change, const Json& members) {
    const auto list = members.dump();
    const auto doing = "change the members of queue " + printable(change.name);
    work.execute(doing, R"(
        delete from queue_members m where queue_id = cast(:queue as uuid) and not exists (
            select from users u join jsonb_to_recordset(cast(:members as jsonb)) g(extension text)
            on g.extension = u.extension where u.id = m.user_id))",
                 change.id, list);
    work.execute(doing, R"(
        insert into queue_members (queue_id, user_id, penalty, paused)
        select cast(:queue as uuid), u.id, g.penalty, coalesce(g.paused, false)
        from jsonb_to_recordset(cast(:members as jsonb)) g(extension text, penalty integer, paused boolean)
        join users u on u.org_id = cast(:org as uuid) and u.extension = g.extension
        on conflict (queue_id, user_id) do update set penalty = excluded.penalty, paused = excluded.paused)",
                 change.id, list, change.org);
}

void store_row(Provisioner& work, const RowChange& change) {
    if (change.is_new)
        insert(work, change);
    else
        update(work, change);
    for (const auto& field : change.fields)
        if (field.name == "members" && change.kind == "queue")
            store_members(work, change, field.after);
}

} // namespace

void store(Provisioner& work, const std::vector<RowChange>& changes) {
    for (const auto& change : changes)
        store_row(work, change);
    work.finish();
}

} // namespace pbx::provision

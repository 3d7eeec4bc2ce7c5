// What the five kinds of rows of an organization have in common, and one way to visit them.
#pragma once

#include "tenants/organization.hpp"

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace pbx::tenants {

enum class RowKind { user, did, queue, route, trunk };

/// A kind of row: its name in messages and commands, its table, and the column that names a row within an organization.
template <typename RowType>
struct RowDescription {
    using Row = RowType;
    RowKind kind;
    const char* word;
    const char* table;
    const char* name_column;
    std::string Row::*name;
    std::vector<Row> Organization::*rows;
};

/// Calls `visit(description, rows)` with the rows of each kind in `owner`, an Organization that may be const.
template <typename Owner, typename Visit>
void visit_rows(Owner& owner, Visit&& visit) {
    const auto one = [&](const auto& description) { visit(description, owner.*description.rows); };
    one(RowDescription<User>{RowKind::user, "user", "users", "extension", &User::extension, &Organization::users});
    one(RowDescription<Did>{RowKind::did, "did", "did_numbers", "number", &Did::number, &Organization::dids});
    one(RowDescription<Queue>{RowKind::queue, "queue", "queues", "number", &Queue::number, &Organization::queues});
    one(RowDescription<Route>{RowKind::route, "route", "outbound_routes", "name", &Route::name, &Organization::routes});
    one(RowDescription<Trunk>{RowKind::trunk, "trunk", "sip_trunks", "name", &Trunk::name, &Organization::trunks});
}

/// Calls `visit(description, rows)` with the rows of one kind.
template <typename Owner, typename Visit>
void visit_rows(Owner& owner, RowKind kind, Visit&& visit) {
    visit_rows(owner, [&](const auto& description, auto& rows) {
        if (description.kind == kind)
            visit(description, rows);
    });
}

/// What a kind is called, for commands that are told the kind at run time.
struct KindNames {
    const char* word;
    const char* table;
    const char* name_column;
};

inline KindNames names_of(RowKind kind) {
    const Organization without_rows;
    KindNames names{};
    visit_rows(without_rows, kind, [&](const auto& description, const auto&) {
        names = {description.word, description.table, description.name_column};
    });
    return names;
}

/// Whether rows of this type have a recording switch: all but trunks.
template <typename Row>
inline constexpr bool has_recording_switch = !std::is_same_v<std::remove_cv_t<Row>, Trunk>;

} // namespace pbx::tenants

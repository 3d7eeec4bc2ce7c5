// Changes to one row in place, and one row as it is.
#include "provision/edit.hpp"
#include "provision/print.hpp"

#include <utility>

namespace pbx::provision {

namespace {

Given given_from(const FieldTexts& texts) {
    Given given = Json::object();
    for (const auto& [name, text] : texts)
        given[name] = text;
    return given;
}

void require_change(const FieldTexts& fields) {
    if (fields.empty())
        throw Error{Exit::usage, "there is nothing to change", "name the fields; --help lists them"};
}

template <typename Row>
Cells cells_of(const Organization& owner, const Row& row) {
    Cells cells;
    for (const auto& field : fields_of<Row>())
        if (!field.is_secret)
            cells.emplace_back(field.name.c_str(), field.get(owner, row));
    return cells;
}

Exit print_row(const Context& context, const Cells& cells) {
    print_rows({cells}, context.json);
    return Exit::ok;
}

} // namespace

Exit set_row(const Context& context, RowKind kind, const std::string& organization, const std::string& name,
             const FieldTexts& fields) {
    require_change(fields);
    Provisioner work{context};
    auto& owner = work.organization(organization);
    const auto stored = stored_name(owner, kind, name);
    return carry_out(context, work, [&] { set_row_fields(owner, kind, stored, given_from(fields), Known::check); });
}

Exit set_organization(const Context& context, const std::string& organization, const FieldTexts& fields) {
    require_change(fields);
    Provisioner work{context};
    auto& owner = work.organization(organization);
    return carry_out(context, work, [&] { set_organization_fields(owner, given_from(fields), Known::check); });
}

Exit show_row(const Context& context, RowKind kind, const std::string& organization, const std::string& name) {
    Provisioner work{context, Access::read};
    const auto& owner = work.organization(organization);
    const auto stored = stored_name(owner, kind, name);
    Cells cells{{"organization", owner.name}};
    tenants::visit_rows(owner, kind, [&](const auto& description, const auto& rows) {
        for (auto& cell : cells_of(owner, *find(rows, description.name, stored)))
            cells.push_back(std::move(cell));
    });
    return print_row(context, cells);
}

Exit show_organization(const Context& context, const std::string& organization) {
    Provisioner work{context, Access::read};
    const auto& owner = work.organization(organization);
    auto cells = cells_of(owner, owner);
    cells.insert(cells.begin() + 2, {"id", owner.id});
    return print_row(context, cells);
}

} // namespace pbx::provision

// All rows in the form that apply_file() reads.
#include "base/log.hpp"
#include "base/output.hpp"
#include "base/table.hpp"
#include "provision/edit.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace pbx::provision {

namespace {

// How apply finds the organization of a row: by its prefix, unless another organization has that as its name.
std::string key_of(const Organization& owner, const std::vector<Organization>& all) {
    const auto* other = find(all, &Organization::name, owner.context_prefix);
    return other == nullptr || other->id == owner.id ? owner.context_prefix : owner.id;
}

template <typename Row>
Json export_row(const char* kind, const std::string& org, const Organization& owner, const Row& row, bool secrets) {
    Json item{{"kind", kind}};
    if constexpr (!std::is_same_v<Row, Organization>)
        item["org"] = org;
    for (const auto& field : fields_of<Row>())
        if (!field.is_secret || secrets)
            item[field.name] = field.get(owner, row);
    return item;
}

std::vector<Json> export_organization(const Organization& owner, const std::string& key_of_owner, ExportForm form,
                                      bool secrets) {
    std::vector<Json> items{export_row("org", key_of_owner, owner, owner, secrets)};
    for (const auto kind : {RowKind::trunk, RowKind::user, RowKind::queue, RowKind::did, RowKind::route})
        tenants::visit_rows(owner, kind, [&](const auto& description, const auto& rows) {
            const auto first = static_cast<std::ptrdiff_t>(items.size());
            using Row = typename std::remove_cvref_t<decltype(rows)>::value_type;
            const auto& key = fields_of<Row>().front().name;
            for (const auto& row : rows)
                if (form == ExportForm::csv && (row.*description.name).empty())
                    log::warn("a {} of {} is left out: its {} is empty, which CSV cannot express", description.word,
                              name_of(owner), key);
                else
                    items.push_back(export_row(description.word, key_of_owner, owner, row, secrets));
            std::sort(items.begin() + first, items.end(),
                      [&](const Json& one, const Json& other) { return one[key] < other[key]; });
        });
    return items;
}

void print_csv(const std::vector<Json>& items) {
    std::vector<Column> columns;
    for (const auto& item : items)
        for (const auto& [name, value] : item.items())
            if (std::none_of(columns.begin(), columns.end(),
                             [&, &key = name](const Column& each) { return each.name == key; }))
                columns.push_back({name});
    Table table{columns, Table::Form::csv_raw};
    for (const auto& item : items) {
        std::vector<std::string> cells;
        cells.reserve(columns.size());
        for (const auto& column : columns)
            cells.push_back(text_of(column.name, item.value(column.name, Json(nullptr))));
        table.row(cells);
    }
}

} // namespace

Exit export_rows(const Context& context, const std::string& organization, ExportForm form, bool secrets) {
    Provisioner work{context, Access::read};
    std::vector<Json> items;
    for (const auto* owner : work.organizations_to_list(organization))
        for (auto& item : export_organization(*owner, key_of(*owner, work.all()), form, secrets))
            items.push_back(std::move(item));
    if (form == ExportForm::csv)
        print_csv(items);
    else
        for (const auto& item : items)
            output::print("{}\n", item.dump(-1, ' ', true, Json::error_handler_t::replace));
    return Exit::ok;
}

} // namespace pbx::provision

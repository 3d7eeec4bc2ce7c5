// A switch that is not set is printed as "unset", unlike one that is off.
#include "provision/print.hpp"

#include "base/output.hpp"
#include "base/pager.hpp"
#include "base/table.hpp"

#include <fmt/format.h>
#include <version.hpp>

#include <algorithm>

namespace pbx::provision {

namespace {

std::string cell_text(const Json& value) {
    if (value.is_null())
        return "unset";
    if (value.is_boolean())
        return value.get<bool>() ? "on" : "off";
    return value.is_string() ? value.get<std::string>() : value.dump();
}

std::size_t width_of(const std::string& column) {
    if (column == "id")
        return 36;
    if (column == "organization" || column == "name" || column == "host" || column == "endpoint")
        return 20;
    return std::max<std::size_t>(column.size(), 10);
}

Json begin_object() {
    constexpr int schema = 1;
    return {{"schema", schema}, {"version", version}};
}

void print_json(const Json& document) {
    output::print("{}\n", document.dump(2, ' ', true, Json::error_handler_t::replace));
}

} // namespace

Json json_of(tenants::RecordingFlag recording) {
    return recording ? Json(*recording) : Json(nullptr);
}

Json or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

void print_object(const Json& fields) {
    auto document = begin_object();
    document.update(fields);
    print_json(document);
}

void print_rows(const std::vector<Cells>& rows, bool json) {
    pager::begin();
    if (json) {
        Json document = Json::array();
        for (const auto& row : rows) {
            auto item = begin_object();
            for (const auto& [column, value] : row)
                item[column] = value;
            document.push_back(std::move(item));
        }
        print_json(document);
        return;
    }
    if (rows.empty())
        return;
    std::vector<Column> columns;
    for (const auto& [column, value] : rows.front())
        columns.push_back(
            {.name = column, .width = width_of(column), .right = value.is_number(), .is_text = value.is_string()});
    Table table{std::move(columns), Table::Form::automatic};
    for (const auto& row : rows) {
        std::vector<std::string> cells;
        cells.reserve(row.size());
        for (const auto& [column, value] : row)
            cells.push_back(cell_text(value));
        table.row(cells);
    }
    table.finish();
}

} // namespace pbx::provision

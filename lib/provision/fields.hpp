// The fields of each kind of row, under the names that operators use for them.
#pragma once

#include "provision/print.hpp"
#include "tenants/organization.hpp"

#include <functional>
#include <string>
#include <vector>

namespace pbx::provision {

/// The first field of a kind is its name.
template <typename Row>
struct Field {
    std::string name;
    std::string column; ///< "settings.KEY" and "limits.KEY" lie in a JSON column; empty: not in the row's table
    std::string value;  ///< as SQL, where `j` is a JSON object with the fields by name and `org` the organization's id
    std::function<Json(const tenants::Organization&, const Row&)> get;
    /// Takes texts for numbers and switches too, and null or "" for nothing. Throws Error (usage) for another type, and
    /// no_input for a trunk or member that does not exist.
    std::function<void(const tenants::Organization&, Row&, const Json&)> set;
    bool is_secret = false;
    bool is_claim = false; ///< what it holds belongs to the row that had it first
};

/// For tenants::Organization, User, Did, Queue, Route and Trunk.
template <typename Row>
const std::vector<Field<Row>>& fields_of();

/// The value of a field as one text, which the field's `set` takes, too; empty for null.
std::string text_of(const std::string& field, const Json& value);

template <typename Row>
const Field<Row>* find_field(const std::string& name) {
    for (const auto& field : fields_of<Row>())
        if (field.name == name)
            return &field;
    return nullptr;
}

} // namespace pbx::provision

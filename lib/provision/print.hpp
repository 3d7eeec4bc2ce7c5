// Prints the results of the commands, as JSON or as a table.
#pragma once

#include "tenants/organization.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

namespace pbx::provision {

using Json = nlohmann::ordered_json;

/// One row of a table: columns with their values.
using Cells = std::vector<std::pair<const char*, Json>>;

Json json_of(tenants::RecordingFlag recording);
Json or_null(const std::string& text);
/// Prints one document with these fields, after "schema" and "version".
void print_object(const Json& fields);
/// As a table, or as an array of objects that each begin with "schema" and "version".
void print_rows(const std::vector<Cells>& rows, bool json);

} // namespace pbx::provision

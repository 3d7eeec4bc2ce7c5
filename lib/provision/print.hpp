// What the commands print: JSON, or rows for a person or a pipe.
#pragma once

#include "tenants/organization.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

namespace pbx::provision {

using Json = nlohmann::ordered_json;

/// One row of a list: column, value.
using Cells = std::vector<std::pair<const char*, Json>>;

Json json_of(tenants::RecordingFlag recording);
Json or_null(const std::string& text);
void print(const Json& document);
void print_rows(const std::vector<Cells>& rows, bool json);

} // namespace pbx::provision

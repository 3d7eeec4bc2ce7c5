// JSON that a file or the database contains.
#pragma once

#include "provision/print.hpp"

#include <string_view>

namespace pbx::provision {

/// The value; discarded (nlohmann's word) for a text that is not JSON, or is nested so deeply that printing it could
/// exhaust the stack.
Json parse_json(std::string_view text);

} // namespace pbx::provision

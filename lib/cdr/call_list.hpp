// The calls that an operator asks for.
#pragma once

#include "base/error.hpp"
#include "base/table.hpp"
#include "cdr/journey.hpp"

#include <soci/soci.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace pbx::cdr {

struct CallsRequest {
    std::string database;
    std::string organization; ///< name, prefix or id; empty: all
    std::string since = "24h";
    std::string until;       ///< empty: now and later
    std::string number;      ///< one that called or was called
    std::string disposition; ///< of the longest row
    std::int64_t limit = 0;  ///< 0: all
    bool json = false;
    Table::Form form = Table::Form::automatic; ///< unless as JSON
    std::chrono::seconds timeout{60};
};

/// Prints the calls that began last first, one a line. Throws Error: usage, no_input for an organization that does not
/// exist, unavailable.
Exit list_calls(const CallsRequest& request);

/// Prints the rows of the call that `name` means: a CDR id, a linkedid or a uniqueid. Throws Error: no_input when there
/// is none.
Exit show_call(const CallsRequest& request, const std::string& name);

} // namespace pbx::cdr

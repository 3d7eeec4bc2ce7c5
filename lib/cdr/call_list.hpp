// pbx-calls: the calls that an operator asks for, on stdout.
#pragma once

#include "base/error.hpp"
#include "base/table.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace pbx::cdr {

struct CallsRequest {
    std::string database;
    std::string organization;  ///< name, prefix or id; empty: all
    std::string since = "24h"; ///< as parse_time() reads it
    std::string until;         ///< the same; empty: no limit
    std::string number;        ///< one that called or was called
    std::string disposition;   ///< of the call
    std::int64_t limit = 0;    ///< 0: all
    bool json = false;
    Table::Form form = Table::Form::automatic; ///< unless `json` is set
    std::chrono::seconds timeout{60};
};

/// Prints the chosen calls, one per line, the newest first. Throws Error: usage, no_input for an organization that does
/// not exist, unavailable.
Exit list_calls(const CallsRequest& request);

/// Prints the rows of the call that `name` means: a CDR id, a linkedid or a uniqueid. Throws Error: no_input when there
/// is no such call, or it is not one of request.organization.
Exit show_call(const CallsRequest& request, const std::string& name);

} // namespace pbx::cdr

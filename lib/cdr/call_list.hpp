// pbx-calls: the calls that an operator asks for, on stdout.
#pragma once

#include "base/error.hpp"
#include "base/table.hpp"
#include "db/tenant_choice.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace pbx::cdr {

struct CallsRequest {
    std::string database;
    db::TenantChoice tenant;                       ///< whose calls; nobody: all
    std::optional<std::chrono::sys_seconds> since; ///< nothing: 24 hours ago
    std::optional<std::chrono::sys_seconds> until;
    std::string number;      ///< one that called or was called
    std::string disposition; ///< of the call
    std::string direction;   ///< of the call
    std::string extension;   ///< one that called, was called or answered
    std::chrono::seconds min_duration{0};
    bool recorded = false;   ///< only calls that are
    bool unrecorded = false; ///< only answered calls that are not
    std::int64_t limit = 0;  ///< 0: all
    std::string columns;     ///< names of call_columns(), separated by commas; empty: all
    bool json = false;
    bool jsonl = false;                        ///< one object per line
    Table::Form form = Table::Form::automatic; ///< unless `json` is set
    std::chrono::seconds timeout{60};
};

/// Prints the chosen calls, one per line, the newest first. Throws Error: usage, no_input for an organization or
/// account that does not exist, unavailable.
Exit list_calls(const CallsRequest& request);

/// Prints the rows of the call that `text` means: a CDR id, a linkedid or a uniqueid, alone or with an accountcode
/// (call_name.hpp). Throws Error: no_input when there is no such call, or it is not one of request.tenant.
Exit show_call(const CallsRequest& request, const std::string& text);

} // namespace pbx::cdr

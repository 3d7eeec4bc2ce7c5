// Which calls in progress a command means.
#pragma once

#include "db/tenant_choice.hpp"
#include "live/asterisk_calls.hpp"

#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace pbx::live {

struct CallChoice {
    std::string call;        ///< a linkedid, a unique id, a channel or an extension
    db::TenantChoice tenant; ///< only calls of this tenant; nobody: any
    std::string database;    ///< read only to find the tenant's organization
};

/// The keys of the calls, at least one. Throws Error: no_input when there is no such call in progress, or it is not the
/// tenant's; usage when extensions of several organizations are meant.
std::set<std::string> find_calls(const CallChoice& choice, const std::vector<Channel>& channels,
                                 std::chrono::seconds timeout);

} // namespace pbx::live

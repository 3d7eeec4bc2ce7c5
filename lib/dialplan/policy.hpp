// Who is recorded, and which row decided it.
#pragma once

#include "dialplan/plan.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pbx::dialplan {

/// The four points of the dialplan at which a recording can begin.
struct Point {
    std::string kind; ///< "extension", "did", "queue", "route"
    std::string name;
    std::string id; ///< point_id()
    bool recorded = false;
    std::string decided_by; ///< "organizations.settings.recording_enabled", "queues.recording_enabled", ...
    std::string value;      ///< "true", "false", "not set"
};

/// Whether calls at a row are recorded: unless the organization (`master`) or the row itself is switched off.
inline bool allows(tenants::RecordingFlag master, tenants::RecordingFlag row) {
    return master.value_or(true) && row.value_or(true);
}

/// What the dialplan calls a point: its kind, and the number or, for a route, the id of its row.
std::string point_id(const tenants::User& user);
std::string point_id(const tenants::Did& did);
std::string point_id(const tenants::Queue& queue);
std::string point_id(const tenants::Route& route);

/// Every recording point of an organization: extensions, DIDs and queues by name, routes by priority.
std::vector<Point> points(const Plan& plan);

/// The comment line of a point in extensions text: "; recorded: queue 5001", "; not recorded: queue 5001".
std::string marker(const Point& point);

/// What changes in recording when `before`, an organization's extensions text, is replaced by `after`; either may be
/// empty. One sentence for each point that changes: "stops recording: queue 5001 of acme".
std::vector<std::string> policy_changes(std::string_view before, std::string_view after);

/// The organization's name in the first line of an extensions text.
std::string organization_in(std::string_view text);

} // namespace pbx::dialplan

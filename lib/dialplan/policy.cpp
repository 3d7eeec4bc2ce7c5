// The decision is one line; the rest tells of it.
#include "dialplan/policy.hpp"

#include "dialplan/render.hpp"
#include "dialplan/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace pbx::dialplan {

namespace {

constexpr std::string_view recorded_mark = "; recorded: ";
constexpr std::string_view unrecorded_mark = "; not recorded: ";

std::string value_of(tenants::RecordingFlag recording) {
    if (!recording)
        return "not set";
    return *recording ? "true" : "false";
}

Point point(const char* kind, const char* table, const std::string& name, tenants::RecordingFlag master,
            tenants::RecordingFlag row) {
    const bool by_master = !master.value_or(true);
    return {kind, harmless(name), allows(master, row),
            by_master ? "organizations.settings.recording_enabled" : std::string{table} + ".recording_enabled",
            value_of(by_master ? master : row)};
}

std::map<std::string, bool> points_in(std::string_view text) {
    std::map<std::string, bool> result;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, end);
        if (line.starts_with(recorded_mark))
            result[std::string{line.substr(recorded_mark.size())}] = true;
        else if (line.starts_with(unrecorded_mark))
            result[std::string{line.substr(unrecorded_mark.size())}] = false;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return result;
}

} // namespace

std::vector<Point> points(const Plan& plan) {
    const auto& organization = plan.organization;
    const auto master = organization.recording_enabled;
    std::vector<Point> result;
    for (const auto& user : organization.users)
        result.push_back(point("extension", "users", user.extension, master, user.recording_enabled));
    for (const auto& did : organization.dids)
        result.push_back(point("did", "did_numbers", did.number, master, did.recording_enabled));
    for (const auto& queue : organization.queues)
        result.push_back(point("queue", "queues", queue.number, master, queue.recording_enabled));
    for (const auto& route : organization.routes)
        result.push_back(point("route", "outbound_routes", route.name, master, route.recording_enabled));
    return result;
}

bool records(const Plan& plan) {
    const auto& organization = plan.organization;
    const auto any = [&](const auto& rows) {
        return std::any_of(rows.begin(), rows.end(), [&](const auto& row) {
            return allows(organization.recording_enabled, row.recording_enabled);
        });
    };
    return any(organization.users) || any(organization.dids) || any(organization.queues) || any(organization.routes);
}

std::string marker(const Point& point) {
    return std::string{point.recorded ? recorded_mark : unrecorded_mark} + point.kind + ' ' + point.name;
}

std::vector<std::string> policy_changes(std::string_view before, std::string_view after) {
    const auto old_points = points_in(before);
    const auto new_points = points_in(after);
    const auto of = " of " + organization_in(after.empty() ? before : after);
    std::vector<std::string> sentences;
    for (const auto& [point, recorded] : old_points) {
        const auto now = new_points.find(point);
        if (now == new_points.end()) {
            if (recorded)
                sentences.push_back(fmt::format("stops recording: {}{}, which is no longer there", point, of));
        } else if (recorded != now->second) {
            sentences.push_back(fmt::format("{} recording: {}{}", recorded ? "stops" : "starts", point, of));
        }
    }
    for (const auto& [point, recorded] : new_points)
        if (!old_points.contains(point))
            sentences.push_back(
                fmt::format("{}: {}{}, which is new", recorded ? "starts recording" : "does not record", point, of));
    return sentences;
}

std::string organization_in(std::string_view text) {
    if (!is_ours(text))
        return "an unknown organization";
    auto line = text.substr(0, text.find('\n'));
    const auto begin = line.find('"');
    const auto end = line.rfind('"');
    return begin == std::string_view::npos || end <= begin ? "an unknown organization"
                                                           : std::string{line.substr(begin + 1, end - begin - 1)};
}

} // namespace pbx::dialplan

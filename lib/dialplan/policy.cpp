// allows() decides; the rest explains its decisions.
#include "dialplan/policy.hpp"

#include "base/lines.hpp"
#include "dialplan/render.hpp"
#include "dialplan/text.hpp"
#include "tenants/row_kinds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <type_traits>
#include <utility>

namespace pbx::dialplan {

namespace {

constexpr std::string_view recorded_mark = "; recorded: ";
constexpr std::string_view unrecorded_mark = "; not recorded: ";

std::string value_of(tenants::RecordingFlag recording) {
    if (!recording)
        return "not set";
    return *recording ? "true" : "false";
}

Point point(const char* kind, const char* table, const std::string& name, std::string id, tenants::RecordingFlag master,
            tenants::RecordingFlag row) {
    const bool by_master = !master.value_or(true);
    return {kind,
            harmless(name),
            std::move(id),
            allows(master, row),
            by_master ? "organizations.settings.recording_enabled" : std::string{table} + ".recording_enabled",
            value_of(by_master ? master : row)};
}

std::map<std::string, bool> points_in(std::string_view text) {
    std::map<std::string, bool> result;
    for (const auto line : Lines{text})
        if (line.starts_with(recorded_mark))
            result[std::string{line.substr(recorded_mark.size())}] = true;
        else if (line.starts_with(unrecorded_mark))
            result[std::string{line.substr(unrecorded_mark.size())}] = false;
    return result;
}

} // namespace

std::string point_id(const tenants::User& user) {
    return "extension-" + user.extension;
}

std::string point_id(const tenants::Did& did) {
    return "did-" + did.number;
}

std::string point_id(const tenants::Queue& queue) {
    return "queue-" + queue.number;
}

std::string point_id(const tenants::Route& route) {
    std::string id = "route-";
    std::copy_if(route.id.begin(), route.id.end(), std::back_inserter(id), [](char c) {
        return consists_of(std::string_view{&c, 1}, "0-9A-Za-z-", 1);
    });
    return id;
}

std::vector<Point> points(const Plan& plan) {
    const auto& organization = plan.organization;
    std::vector<Point> result;
    tenants::visit_rows(organization, [&](const auto& kind, const auto& rows) {
        using Row = typename std::remove_reference_t<decltype(rows)>::value_type;
        if constexpr (tenants::has_recording_switch<Row>)
            for (const auto& row : rows)
                result.push_back(point(kind.kind == tenants::RowKind::user ? "extension" : kind.word, kind.table,
                                       row.*kind.name, point_id(row), organization.recording_enabled,
                                       row.recording_enabled));
    });
    return result;
}

std::string marker(const Point& point) {
    return std::string{point.recorded ? recorded_mark : unrecorded_mark} + point.kind + ' ' + point.name;
}

std::vector<std::string> policy_changes(std::string_view before, std::string_view after) {
    const auto old_points = points_in(before);
    const auto new_points = points_in(after);
    const auto suffix = " of " + organization_in(after.empty() ? before : after);
    std::vector<std::string> sentences;
    for (const auto& [point, recorded] : old_points) {
        const auto now = new_points.find(point);
        if (now == new_points.end()) {
            if (recorded)
                sentences.push_back(fmt::format("stops recording: {}{}, which is no longer there", point, suffix));
        } else if (recorded != now->second) {
            sentences.push_back(fmt::format("{} recording: {}{}", recorded ? "stops" : "starts", point, suffix));
        }
    }
    for (const auto& [point, recorded] : new_points)
        if (!old_points.contains(point))
            sentences.push_back(fmt::format("{}: {}{}, which is new", recorded ? "starts recording" : "does not record",
                                            point, suffix));
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

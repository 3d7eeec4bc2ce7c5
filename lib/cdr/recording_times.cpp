// "Newest" is by the order in which rows were stored, since the purpose is to find a wrong calldate.
#include "cdr/recording_times.hpp"

#include "base/error.hpp"
#include "base/moment.hpp"
#include "db/leg_naming.hpp"
#include "db/patient_query.hpp"
#include "db/session.hpp"

#include <fmt/format.h>

namespace pbx::cdr {

namespace {

// The range of ids keeps it from reading a table without recordings from end to end.
constexpr const char* newest = R"(
    select {base_name}, extract(epoch from calldate)::bigint, coalesce(duration, 0)
    from asterisk_cdr
    where id > (select max(id) from asterisk_cdr) - 20000 and {base_name} ~ '^[0-9]{{8}}-[0-9]{{6}}-'
        and calldate between now() - interval '7 days' and now() + interval '7 days'
    order by id desc limit 20)";

} // namespace

std::optional<std::chrono::sys_seconds> time_in_name(std::string_view name) {
    constexpr std::size_t length = 16; // 20260418-144004-
    if (name.size() < length || name[8] != '-' || name[15] != '-' ||
        name.substr(0, 15).find_first_not_of("0123456789-") != std::string_view::npos)
        return std::nullopt;
    const auto part = [&](std::size_t from, std::size_t count) { return name.substr(from, count); };
    try {
        return parse_time(
            fmt::format("{}-{}-{}T{}:{}:{}Z", part(0, 4), part(4, 2), part(6, 2), part(9, 2), part(11, 2), part(13, 2)),
            {});
    } catch (const Error&) {
        return std::nullopt; // 20261399-250000
    }
}

std::chrono::seconds RecordingTimes::row_ahead() const {
    if (named < started)
        return started - named;
    return named > started + duration ? started + duration - named : std::chrono::seconds{0};
}

std::vector<RecordingTimes> newest_recording_times(soci::session& session, const Deadline& deadline) {
    const auto query = fmt::format(newest, fmt::arg("base_name", db::LegNaming::base_name("recordingfile")));
    const auto rows = db::ask_patiently(db::connection(session), "read the times of CDR rows", query, {}, deadline);
    std::vector<RecordingTimes> result;
    for (int row = 0; row < PQntuples(rows.get()); ++row) {
        const auto number = [&](int column) {
            return std::chrono::seconds{std::stoll(PQgetvalue(rows.get(), row, column))};
        };
        const std::string name = PQgetvalue(rows.get(), row, 0);
        if (const auto named = time_in_name(name))
            result.push_back({name, *named, std::chrono::sys_seconds{number(1)}, number(2)});
    }
    return result;
}

} // namespace pbx::cdr

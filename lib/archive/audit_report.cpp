// What the three forms of the report have in common.
#include "archive/audit_report.hpp"

#include "base/moment.hpp"

#include <fmt/format.h>

namespace pbx::archive {

cdr::AccountSummary total_of(const std::vector<cdr::AccountSummary>& accounts) {
    cdr::AccountSummary total;
    for (const auto& one : accounts)
        for (const auto& [name, count] : counts)
            total.*count += one.*count;
    return total;
}

std::int64_t damaged(const cdr::AccountSummary& sum) {
    return sum.empty + sum.silent + sum.cut + sum.one_sided + sum.too_short;
}

Exit exit_of(const cdr::AccountSummary& total) {
    return total.ambiguous + total.differs + total.missing + damaged(total) > 0 ? Exit::data : Exit::ok;
}

const std::string& verdict_of(const cdr::FoundLeg& leg) {
    const bool is_there = leg.state == "local" || leg.state == "remote" || leg.state == "both";
    return is_there ? leg.worth : leg.state;
}

bool has_problem(const cdr::FoundLeg& leg) {
    const auto& verdict = verdict_of(leg);
    return verdict != "sound" && verdict != "paused" && verdict != "unjudged";
}

std::optional<std::int64_t> sound_permille(const cdr::AccountSummary& sum) {
    constexpr std::int64_t all = 1000;
    if (sum.calls == 0)
        return std::nullopt;
    return sum.sound * all / sum.calls;
}

std::string sentence(const cdr::AccountSummary& total) {
    auto text = fmt::format("{} {} that policy wanted recorded", total.calls, total.calls == 1 ? "call" : "calls");
    if (const auto permille = sound_permille(total))
        text += fmt::format("; {} of them ({}.{} %) recorded and sound", total.sound, *permille / 10, *permille % 10);
    if (total.declined > 0)
        text += fmt::format("; {} more not recorded, since consent was declined", total.declined);
    return text;
}

bool has_problem(const cdr::FaultyCall& call) {
    return call.verdict != "unjudged" && call.verdict != "declined";
}

std::optional<std::chrono::sys_seconds> start_of(const cdr::Orphan& orphan) {
    const auto& stamp = orphan.stamp;
    if (stamp.empty())
        return std::nullopt;
    const auto part = [&](std::size_t at, std::size_t length) { return stamp.substr(at, length); };
    try {
        return parse_time(
            fmt::format("{}-{}-{}T{}:{}:{}Z", part(0, 4), part(4, 2), part(6, 2), part(9, 2), part(11, 2), part(13, 2)),
            {});
    } catch (const Error&) { // the digits are not a valid time
        return std::nullopt;
    }
}

} // namespace pbx::archive

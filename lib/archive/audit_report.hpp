// How an audit is printed: as text for people, as one JSON document, or as CSV. docs/audit.md describes the last two.
#pragma once

#include "archive/options.hpp"
#include "base/error.hpp"
#include "cdr/leg_audit.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pbx::archive {

/// What was audited, and the sums.
struct AuditReport {
    const AuditOptions& options;
    std::string remote; ///< its path, for people
    std::optional<std::chrono::sys_seconds> since;
    std::chrono::sys_seconds now;
    std::string account;                     ///< the only one that was audited; empty: all
    std::optional<std::string> organization; ///< of that account
    std::vector<cdr::AccountSummary> accounts;
    cdr::AccountSummary total;
    Exit exit; ///< what the audit ends with
};

/// Today's switches decide, whatever they were when a call was made.
inline constexpr const char* audited_policy = "recording switches as of now";

/// The version of the JSON document and of the CSV table; it changes when a field changes its meaning or goes.
inline constexpr int report_schema = 1;

using Count = std::int64_t cdr::AccountSummary::*;

/// The counts of a summary by the name that JSON gives them.
inline constexpr std::array<std::pair<const char*, Count>, 25> counts{{
    {"rows", &cdr::AccountSummary::rows},           {"calls", &cdr::AccountSummary::calls},
    {"sound", &cdr::AccountSummary::sound},         {"unrecorded", &cdr::AccountSummary::unrecorded},
    {"faulty", &cdr::AccountSummary::faulty},       {"pending", &cdr::AccountSummary::pending},
    {"unproven", &cdr::AccountSummary::unproven},   {"declined", &cdr::AccountSummary::declined},
    {"legs", &cdr::AccountSummary::legs},           {"ambiguous", &cdr::AccountSummary::ambiguous},
    {"differs", &cdr::AccountSummary::differs},     {"local", &cdr::AccountSummary::local},
    {"remote", &cdr::AccountSummary::remote},       {"both", &cdr::AccountSummary::both},
    {"awaited", &cdr::AccountSummary::awaited},     {"missing", &cdr::AccountSummary::missing},
    {"empty", &cdr::AccountSummary::empty},         {"paused", &cdr::AccountSummary::paused},
    {"silent", &cdr::AccountSummary::silent},       {"cut", &cdr::AccountSummary::cut},
    {"one-sided", &cdr::AccountSummary::one_sided}, {"short", &cdr::AccountSummary::too_short},
    {"unjudged", &cdr::AccountSummary::unjudged},   {"orphans", &cdr::AccountSummary::orphans},
    {"bytes", &cdr::AccountSummary::bytes},
}};

cdr::AccountSummary total_of(const std::vector<cdr::AccountSummary>& accounts);

/// Legs whose audio somebody must look at: empty, silent, cut, one-sided or short.
std::int64_t damaged(const cdr::AccountSummary& sum);

/// data when a leg is missing, ambiguous or damaged, or differs.
Exit exit_of(const cdr::AccountSummary& total);

/// The worse of a leg's state and its worth, which is known only of a leg that is there: "missing", "silent", "sound".
const std::string& verdict_of(const cdr::FoundLeg& leg);

/// Whether somebody must look at the leg, or wait for it.
bool has_problem(const cdr::FoundLeg& leg);

/// Tenths of a percent, rounded down, so that 1000 means all of them; nothing when there are no calls.
std::optional<std::int64_t> sound_permille(const cdr::AccountSummary& sum);

/// "12 calls that policy wanted recorded; 11 of them (91.6 %) recorded and sound; 2 more not recorded, since consent
/// was declined"
std::string sentence(const cdr::AccountSummary& total);

/// Whether somebody must look at the call: false if its legs exist and nothing is known against them, or if consent was
/// declined.
bool has_problem(const cdr::FaultyCall& call);

/// When the call of an orphan began, by its name.
std::optional<std::chrono::sys_seconds> start_of(const cdr::Orphan& orphan);

/// These stream rows, calls and orphans from the database to stdout.
void print_json(cdr::LegAudit& audit, const AuditReport& report);
void print_csv(cdr::LegAudit& audit, const AuditReport& report);
void print_text(cdr::LegAudit& audit, const AuditReport& report);

} // namespace pbx::archive

// How an audit is printed: as text for people, or as one JSON document.
#pragma once

#include "archive/options.hpp"
#include "base/error.hpp"
#include "cdr/leg_audit.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace pbx::archive {

struct AuditReport {
    const AuditOptions& options;
    std::string remote; ///< its path, for people
    std::chrono::sys_seconds since;
    std::chrono::sys_seconds now;
    std::vector<cdr::AccountSummary> accounts;
    cdr::AccountSummary total;
};

cdr::AccountSummary total_of(const std::vector<cdr::AccountSummary>& accounts);

/// data when a leg is missing, ambiguous or differs.
Exit exit_of(const cdr::AccountSummary& total);

/// Streams rows and orphans from the database to stdout.
void print_json(cdr::LegAudit& audit, const AuditReport& report);
void print_text(cdr::LegAudit& audit, const AuditReport& report);

} // namespace pbx::archive

// How pbx-check shows what it has found.
#pragma once

#include "check/findings.hpp"

#include <string>
#include <vector>

namespace pbx::check {

struct AreaReport {
    std::string area;
    Findings findings;
};
using Report = std::vector<AreaReport>;

/// The worst state of all areas.
State worst(const Report& report);

enum class Form {
    lines, ///< a summary, then one line per finding
    bad,   ///< only the lines that are not ok
    json,  ///< one document; docs/check.md describes it
};

/// Prints to stdout. Throws Error (cant_create) when that cannot be written.
void print(const Report& report, Form form);

} // namespace pbx::check

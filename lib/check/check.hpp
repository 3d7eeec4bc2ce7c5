// The work of pbx-check.
#pragma once

#include "base/error.hpp"
#include "check/options.hpp"

namespace pbx::check {

// The statuses of monitoring plugins, which are not those of the other tools.
inline constexpr Exit exit_warning{1};
inline constexpr Exit exit_failure{2};
inline constexpr Exit exit_unknown{3};

/// Looks at all areas at the same time, and prints what it has found. Returns ok, warning or failure, the worst of it;
/// unknown when nothing could be looked at, or the result could not be printed. It changes nothing but one object in
/// the remote, unless the options allow more.
Exit check(const CheckOptions& options);

/// The same when the configuration cannot be used, so that nothing else can be looked at.
Exit report_bad_configuration(const CheckOptions& options, const Error& fault);

} // namespace pbx::check

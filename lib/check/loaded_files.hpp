// What Asterisk has loaded, compared with what pbx-dialplan-gen has deployed.
#pragma once

#include "check/findings.hpp"
#include "check/options.hpp"

#include <functional>
#include <string>

namespace pbx::check {

/// `version` is the running Asterisk's major version; `ask` returns what Asterisk's console prints for a command.
/// Throws Error: what `ask` throws, and io, no_permission, config for the folder of Asterisk's configuration.
void check_loaded_files(const CheckOptions& options, int version,
                        const std::function<std::string(const std::string&)>& ask, Findings& findings);

/// Whether a deployed organization asks for consent. Throws Error for the folder of Asterisk's configuration.
bool asks_for_consent(const CheckOptions& options);

} // namespace pbx::check

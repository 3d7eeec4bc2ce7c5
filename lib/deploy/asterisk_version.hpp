// Which Asterisk is installed, and what follows from that for the dialplan.
#pragma once

#include "base/deadline.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace pbx::deploy {

/// The major version in what "asterisk -V" prints: "Asterisk 22.10.1~dfsg", "Asterisk certified/18.9-cert13", "Asterisk
/// GIT-20-a1b2c3". Nothing when there is none.
std::optional<int> version_in(std::string_view text);

/// The major version of an asterisk program, a path or a name that is looked up in PATH; nothing when it does not print
/// one. Throws Error: unavailable when it cannot be run, no_permission when another user can change it.
std::optional<int> version_of(const std::string& program, const Deadline& deadline);

/// Whether MixMonitor writes silence where one direction has no frames, so that a file for each direction stays in
/// step: Asterisk 18 and later do by default.
inline bool keeps_directions_in_step(int version) {
    return version >= 18;
}

} // namespace pbx::deploy

// The console of the running Asterisk.
#pragma once

#include "base/deadline.hpp"

#include <cstddef>
#include <string>

namespace pbx::deploy {

struct Console {
    std::string program;                  ///< asterisk, as a path or a name that is looked up in PATH
    std::string folder;                   ///< of the running Asterisk's configuration
    std::size_t most_output = 16U << 20U; ///< bytes of an answer; a longer one is an error
};

/// What the running Asterisk prints for a command of its console. Throws Error: unavailable, with `hint`, when it does
/// not answer; no_permission when another user can change the program.
std::string ask_console(const Console& console, const std::string& command, const Deadline& deadline,
                        const std::string& hint);

} // namespace pbx::deploy

// Many commands in one connection to the console of the running Asterisk.
#pragma once

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "deploy/console.hpp"

#include <string>

namespace pbx::deploy {

/// A run of "asterisk -rx" for each of a hundred channels takes seconds, so this speaks to Asterisk's control socket,
/// as that program does itself (docs/asterisk.md).
class ConsoleSession {
  public:
    /// Throws Error: unavailable, with `hint`, when Asterisk does not run; no_permission when its socket or the program
    /// may not be used.
    ConsoleSession(const Console& console, const Deadline& deadline, std::string hint);

    /// What Asterisk prints for one command, which has at most 400 bytes. Throws Error: unavailable when the answer is
    /// not complete; no_permission when this user may not give the command; temporary when it is too long.
    std::string ask(const std::string& command) const;

  private:
    std::string receive_until(const std::string& mark) const;
    void wait_for_answer() const;

    Deadline deadline_;
    std::string hint_;
    Fd socket_;
};

} // namespace pbx::deploy

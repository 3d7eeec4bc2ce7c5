// Why there is no recording of a call: the words for people, and the state for programs.
#pragma once

#include "base/error.hpp"
#include "db/session.hpp"

#include <optional>
#include <string>

namespace pbx::recording {

/// An Error (no_input) whose `state` docs/json.md lists.
class Absent : public Error {
  public:
    Absent(std::string state, const std::string& message, std::string hint = {})
        : Error{Exit::no_input, message, std::move(hint)}, state_{std::move(state)} {}

    const std::string& state() const { return state_; }

  private:
    std::string state_;
};

/// Why no CDR row of the call `name` names a recording. Calls of other accounts than `account`, if it is given, do not
/// exist. Throws Error (unavailable).
Absent explain_absence(soci::session& session, const std::string& name, const std::optional<std::string>& account);

/// `sentence` says what is not in the spool of this machine, which knows no archive.
Absent not_here(const std::string& sentence);

/// Prints it on stdout as one JSON document.
void print_absence(const std::string& call, const Absent& absent);

} // namespace pbx::recording

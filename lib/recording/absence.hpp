// Why there is no recording of a call: the words for people, and the state for programs.
#pragma once

#include "base/error.hpp"
#include "cdr/call_name.hpp"
#include "db/session.hpp"

#include <optional>
#include <string>
#include <vector>

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

struct AbsentCall {
    cdr::CallName name;
    std::optional<std::string> account; ///< calls of other accounts do not exist
};

/// Why no CDR row of each call names a recording, in their order. Throws Error (unavailable).
std::vector<Absent> explain_absences(soci::session& session, const std::vector<AbsentCall>& calls);

/// `sentence` says what is not in the spool of this machine, which knows no archive.
Absent not_here(const std::string& sentence);

/// Prints it on stdout as one JSON document.
void print_absence(const std::string& call, const Absent& absent);

} // namespace pbx::recording

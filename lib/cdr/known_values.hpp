// What a shell offers when an operator completes a name.
#pragma once

#include <string>

namespace pbx::cdr {

/// Prints the organizations, accounts, numbers, extensions or calls (those of today, the newest first) that the
/// database knows, one per line; nothing for another `kind`. It waits two seconds at most for the database. Throws
/// Error.
void print_known_values(const std::string& database, const std::string& kind);

} // namespace pbx::cdr

// Whether Asterisk writes the CDR rows that the legs of calls need, by its own account.
#pragma once

#include <string>
#include <vector>

namespace pbx::deploy {

/// The file that these settings are in.
inline constexpr const char* cdr_file = "cdr.conf";

struct CdrFault {
    std::string text; ///< what is wrong with the rows, and the setting that causes it
    bool rows_missing;
};

/// The faults in an answer to "cdr show status", which lists what Asterisk has loaded: it ignores a whole section of
/// cdr.conf because of one option that its version does not know.
std::vector<CdrFault> cdr_faults(const std::string& status);

/// What to do against them: names the example of cdr.conf that fits the Asterisk that answered.
std::string cdr_hint(const std::string& status);

} // namespace pbx::deploy
